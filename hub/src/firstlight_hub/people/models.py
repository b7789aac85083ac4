"""People as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

FIRST_UID = 100_000
"""Below are the machine's own accounts; see `Person.uid`."""

LOCAL = "local"
"""The provider of people who come by one-time links."""


@dataclass(frozen=True)
class Person:
    """Somebody who has been let in at least once.

    Parameters
    ----------
    id
        Our number for them; never given to anybody else.
    provider, subject
        Who they are: the identity provider, and its immutable name for them (GitHub's numeric id).
    username
        Their name in the hub, and their home directory's; it never changes.
    display_name
        Their name for people to read.
    created, last_seen
        First and last login or check.
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
        """The numeric user that owns their files and runs their labs."""
        return FIRST_UID + self.id


@dataclass(frozen=True)
class Link:
    """A one-time login link, without its token, of which only a hash is kept.

    Parameters
    ----------
    username
        Whom it logs in.
    admin
        Whether that person becomes an administrator.
    expires
        Until when it works.
    """

    username: str
    admin: bool
    expires: datetime


class NameTaken(Exception):  # noqa: N818 (a finding, not a fault)
    """A local name was asked for that belongs to somebody of an identity provider."""
