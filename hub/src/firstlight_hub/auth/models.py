"""What a decision about access is made from, and what it says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Self

__all__ = ["Decision", "Identity", "Lists"]

type Names = frozenset[str]


def _lower(names: Iterable[str]) -> Names:
    return frozenset(name.lower() for name in names)


@dataclass(frozen=True)
class Lists:
    """The site's lists, as in ``platform.yaml``'s ``access``; empty lists let nobody in.

    Parameters
    ----------
    users, organizations, teams
        Who is let in; teams are ``organization:team``.
    blocked
        Who is not, whatever else is said.
    admin_users, admin_teams
        Who is let in and administers.

    Notes
    -----
    GitHub compares logins, organizations and team slugs without case, so all are lower-cased.
    """

    users: Names = frozenset()
    organizations: Names = frozenset()
    teams: Names = frozenset()
    blocked: Names = frozenset()
    admin_users: Names = frozenset()
    admin_teams: Names = frozenset()

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, _lower(getattr(self, field.name)))

    @property
    def named_organizations(self) -> Names:
        """The organizations that any list names; only their teams become hub groups."""
        owners = {team.partition(":")[0] for team in self.teams | self.admin_teams}
        return self.organizations | owners

    @property
    def needs_memberships(self) -> bool:
        """Whether a decision depends on organizations or teams at all."""
        return bool(self.named_organizations)


@dataclass(frozen=True)
class Identity:
    """Who somebody is at the identity provider, now.

    Parameters
    ----------
    login
        What they are called.
    subject
        Their immutable id.
    organizations
        Where they are members.
    teams
        ``organization:team``.
    seen_logins
        Every login that this account was seen with; the block list holds for all of them.
    own_logins
        The logins that are theirs rather than an earlier holder's; see
        `firstlight_hub.people.store.PeopleStore.logins`. ``None`` means just the present one.
    """

    login: str
    subject: str
    organizations: Names = frozenset()
    teams: Names = frozenset()
    seen_logins: Names = frozenset()
    own_logins: Names | None = None

    def __post_init__(self) -> None:
        own = {self.login} if self.own_logins is None else self.own_logins
        teams = _lower(self.teams)
        owners = {team.partition(":")[0] for team in teams}
        changes = {
            "seen_logins": _lower({*self.seen_logins, self.login}),
            "own_logins": _lower(own),
            "organizations": _lower({*self.organizations, *owners}),
            "teams": teams,
        }
        for name, value in changes.items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(
        cls, login: str, subject: str, organizations: Iterable[str], teams: Iterable[str]
    ) -> Self:
        """Make one from any iterables."""
        return cls(login, subject, frozenset(organizations), frozenset(teams))


@dataclass(frozen=True)
class Decision:
    """Whether somebody is let in, and what to tell them.

    Parameters
    ----------
    allowed, admin
        The answer.
    groups
        Their groups in the hub.
    code
        Why, for machines and logs.
    sentence, next_step
        Why and what to do now, for the person; empty when they are let in.
    """

    allowed: bool
    admin: bool
    groups: Names
    code: str
    sentence: str = ""
    next_step: str = ""

    @property
    def message(self) -> str:
        """The sentence and the next step."""
        return f"{self.sentence} {self.next_step}".strip()
