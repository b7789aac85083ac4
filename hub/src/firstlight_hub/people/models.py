"""People and one-time links as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["FIRST_UID", "LOCAL", "Link", "NameTakenError", "Person"]

FIRST_UID = 100_000
"""Lower numbers are the machine's own accounts; see `Person.uid`."""

LOCAL = "local"
"""The provider of people who log in with one-time links."""


@dataclass(frozen=True)
class Person:
    """Somebody who has been given access at least once.

    Parameters
    ----------
    id
        Our number for them, which is never reused.
    provider, subject
        Who they are: the identity provider, and its immutable id for them (GitHub's numeric id).
    username
        Their name in the hub and that of their home directory; it never changes.
    display_name
        Their name as other people know it.
    created, last_seen
        When they first and last logged in or were checked.
    is_operator
        Whether the last one-time link that they used made them an administrator.
    """

    id: int
    provider: str
    subject: str
    username: str
    display_name: str
    created: datetime
    last_seen: datetime
    is_operator: bool = False

    @property
    def uid(self) -> int:
        """The numeric user id that owns their files and runs their labs."""
        return FIRST_UID + self.id


@dataclass(frozen=True)
class Link:
    """A one-time login link without its token, of which only a hash is stored.

    Parameters
    ----------
    username
        Whom it logs in.
    admin
        Whether that person becomes an administrator.
    expires
        When it stops working.
    """

    username: str
    admin: bool
    expires: datetime


class NameTakenError(Exception):
    """The requested local name belongs to somebody who logs in through an identity provider."""
