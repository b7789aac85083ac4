"""The pretend people, whom tests can change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

__all__ = ["ORGANIZATION", "People", "Person"]

ORGANIZATION = "first-light"
"""The only GitHub organization of the demo."""


@dataclass(frozen=True)
class Person:
    """A GitHub account.

    Attributes
    ----------
    number
        GitHub's numeric id, which does not change when the account is renamed.
    teams
        Teams of the person, each as ``organization:slug``.
    """

    number: int
    login: str
    name: str
    about: str
    teams: tuple[str, ...] = ()

    @property
    def organizations(self) -> tuple[str, ...]:
        """The organizations to which the person's teams belong."""
        return tuple(sorted({team.partition(":")[0] for team in self.teams}))

    @property
    def initials(self) -> str:
        """The first letters of the first two words of the name."""
        return "".join(word[0] for word in self.name.split())[:2]


_EVERYBODY = (
    Person(1815, "ada-admin", "Ada Admin", "Runs this site.", ("first-light:admins",)),
    Person(1818, "mira-member", "Mira Member", "Is on the allowed team.", ("first-light:dp0",)),
    Person(1868, "theo-teammate", "Theo Teammate", "Is on it too.", ("first-light:dp0",)),
    Person(1900, "sam-stranger", "Sam Stranger", "Is on no list; access is denied."),
    Person(
        1921,
        "bob-blocked",
        "Bob Blocked",
        "Is on the team, but blocked.",
        ("first-light:dp0",),
    ),
)


class People:
    """All pretend people, by numeric id; tests change them, and `restore` undoes the changes."""

    def __init__(self, everybody: Iterable[Person] = _EVERYBODY) -> None:
        self._original = {person.number: person for person in everybody}
        self._now = dict(self._original)

    def everybody(self) -> list[Person]:
        """Return all current people."""
        return list(self._now.values())

    def by_id(self, number: int) -> Person | None:
        """Return the person with a numeric id, if there is one."""
        return self._now.get(number)

    def by_login(self, login: str) -> Person | None:
        """Return the person with a login, if there is one; like GitHub, ignore case."""
        return next((p for p in self._now.values() if p.login.lower() == login.lower()), None)

    def change(
        self,
        login: str,
        *,
        rename: str | None = None,
        teams: Iterable[str] | None = None,
        id: int | None = None,  # noqa: A002 (the name in GitHub's JSON)
    ) -> Person:
        """Rename a person, set their teams, or copy them to a new account with another id.

        Raises
        ------
        KeyError
            If there is nobody with that login.
        """
        old = self.by_login(login)
        if old is None:
            raise KeyError(login)
        new = replace(
            old,
            login=rename or old.login,
            teams=old.teams if teams is None else tuple(teams),
            number=old.number if id is None else id,
        )
        if id is None:
            del self._now[old.number]
        self._now[new.number] = new
        return new

    def restore(self) -> None:
        """Undo all changes that tests have made."""
        self._now = dict(self._original)
