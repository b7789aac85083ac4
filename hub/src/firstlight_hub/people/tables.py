"""The tables; `firstlight_hub.people.migrations` makes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Dialect, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import DateTime, TypeDecorator

from firstlight_hub.people.models import Link, Person

__all__ = ["Base", "LinkRow", "LoginRow", "PersonRow"]


class UtcDateTime(TypeDecorator[datetime]):
    """Aware times in, aware times out; SQLite itself knows no time zones."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Store as naive UTC."""
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Read as aware UTC."""
        return value.replace(tzinfo=UTC) if value else None


class Base(DeclarativeBase):
    """Holds the metadata."""


class PersonRow(Base):
    """One person; see `firstlight_hub.people.models.Person`.

    Notes
    -----
    AUTOINCREMENT keeps SQLite from giving a deleted person's number, and so their uid and what is
    left of their files, to the next one (https://sqlite.org/autoinc.html).
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
        """Give it as plain data."""
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
    Configuration lists logins, accounts change and lose them. With this a blocked account stays
    blocked after a rename, and a list's entry stays with the account that it was written for.
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
        """Give it as plain data."""
        return Link(username, self.admin, self.expires)
