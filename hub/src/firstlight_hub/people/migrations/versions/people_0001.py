"""Create the tables of people, of the logins they were seen with, and of one-time links."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "people_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the first tables."""
    op.create_table(
        "person",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("provider", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("username", sa.String(255), nullable=False, unique=True),
        sa.Column("display_name", sa.String(255), nullable=False),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("last_seen", sa.DateTime, nullable=False),
        sa.Column("is_operator", sa.Boolean, nullable=False),
        sa.UniqueConstraint("provider", "subject"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "login_seen",
        sa.Column("provider", sa.String(32), primary_key=True),
        sa.Column("subject", sa.String(255), primary_key=True),
        sa.Column("login", sa.String(255), primary_key=True),
        sa.Column("first_seen", sa.DateTime, nullable=False),
        sa.Column("admitted", sa.Boolean, nullable=False),
    )
    op.create_index("ix_login_seen_login", "login_seen", ["login"])
    op.create_table(
        "login_link",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column(
            "person_id",
            sa.Integer,
            sa.ForeignKey("person.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("admin", sa.Boolean, nullable=False),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("expires", sa.DateTime, nullable=False),
        sa.Column("used_at", sa.DateTime),
    )


def downgrade() -> None:
    """Drop the first tables."""
    op.drop_table("login_link")
    op.drop_table("login_seen")
    op.drop_table("person")
