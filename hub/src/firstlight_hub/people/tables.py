"""The tables of the people database; `firstlight_hub.people.migrations` creates them."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Dialect, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import DateTime, TypeDecorator

from firstlight_hub.people.models import Link, Person

__all__ = ["Base", "LinkRow", "LoginRow", "PersonRow"]


class UtcDateTime(TypeDecorator[datetime]):
    """A time with its zone; SQLite itself stores none."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Convert a time to naive UTC, to be stored."""
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Convert a stored time to aware UTC."""
        return value.replace(tzinfo=UTC) if value else None


class Base(DeclarativeBase):
    """The base of all tables, which holds their metadata."""


class PersonRow(Base):
    """One person; see `firstlight_hub.people.models.Person`.

    Notes
    -----
    Without AUTOINCREMENT, SQLite would give the next person a deleted person's number, and so their
    uid and whatever is left of their files (https://sqlite.org/autoinc.html).
    """

    __tablename__ = "person"
    __table_args__ = (UniqueConstraint("provider", "subject"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(255))
    username: Mapped[str] = mapped_column(String(255), unique=True)
    display_name: Mapped[str] = mapped_column(String(255))
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen: Mapped[datetime] = mapped_column(UtcDateTime)
    is_operator: Mapped[bool] = mapped_column(default=False)

    def record(self) -> Person:
        """Return the row as plain data."""
        return Person(
            self.id,
            self.provider,
            self.subject,
            self.username,
            self.display_name,
            self.created,
            self.last_seen,
            self.is_operator,
        )


class LoginRow(Base):
    """A login that an account of an identity provider has had.

    Notes
    -----
    The configuration lists logins, but accounts change and lose their logins. This table keeps a
    blocked account blocked after a rename, and a list's entry with the account it was meant for.
    """

    __tablename__ = "login_seen"

    provider: Mapped[str] = mapped_column(String(32), primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    login: Mapped[str] = mapped_column(String(255), primary_key=True, index=True)
    first_seen: Mapped[datetime] = mapped_column(UtcDateTime)
    admitted: Mapped[bool] = mapped_column(default=False)


class LinkRow(Base):
    """A one-time link; the token itself is never stored."""

    __tablename__ = "login_link"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"))
    admin: Mapped[bool] = mapped_column(default=False)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    expires: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)

    def record(self, username: str) -> Link:
        """Return the row as plain data."""
        return Link(username, self.admin, self.expires)
