"""The input and the output of a decision about access."""

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
    """The site's lists, as in ``platform.yaml``'s ``access``; with empty lists nobody has access.

    Parameters
    ----------
    users, organizations, teams
        Who has access; teams are ``organization:team``.
    blocked
        Who has no access, whatever the other lists say.
    admin_users, admin_teams
        Who has access and administers the site.

    Notes
    -----
    GitHub ignores case in logins, organizations and team slugs, so all are lower-cased.
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
    """Who somebody is at the identity provider at present.

    Parameters
    ----------
    login
        Their present login.
    subject
        Their immutable id.
    organizations
        The organizations that they are members of.
    teams
        Their teams, as ``organization:team``.
    seen_logins
        Every login that this account has been seen with; the block list applies to all of them.
    own_logins
        The logins that are theirs rather than an earlier holder's; see
        `firstlight_hub.people.store.PeopleStore.logins`. ``None`` means only the present one.
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
        """Return an identity, given any iterables."""
        return cls(login, subject, frozenset(organizations), frozenset(teams))


@dataclass(frozen=True)
class Decision:
    """Whether somebody has access, and what to tell them.

    Parameters
    ----------
    allowed, admin
        Whether they have access, and whether they administer the site.
    groups
        Their groups in the hub.
    code
        The reason, for programs and logs.
    sentence, next_step
        The reason and what to do about it, for the person; empty when they have access.
    """

    allowed: bool
    admin: bool
    groups: Names
    code: str
    sentence: str = ""
    next_step: str = ""

    @property
    def message(self) -> str:
        """The sentence and the next step, as one string."""
        return f"{self.sentence} {self.next_step}".strip()
