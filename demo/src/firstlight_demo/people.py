"""The pretend people, and what a test may do to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

__all__ = ["ORGANIZATION", "People", "Person"]

ORGANIZATION = "first-light"


@dataclass(frozen=True)
class Person:
    """A GitHub account.

    Attributes
    ----------
    number
        GitHub's numeric id, which stays when the login changes.
    teams
        Teams, each ``organization:slug``.
    """

    number: int
    login: str
    name: str
    about: str
    teams: tuple[str, ...] = ()

    @property
    def organizations(self) -> tuple[str, ...]:
        """Organizations that the person is a member of, through a team."""
        return tuple(sorted({team.partition(":")[0] for team in self.teams}))

    @property
    def initials(self) -> str:
        """The first letters of the name's words."""
        return "".join(word[0] for word in self.name.split())[:2]


_EVERYBODY = (
    Person(1815, "ada-admin", "Ada Admin", "Runs this site.", ("first-light:admins",)),
    Person(1818, "mira-member", "Mira Member", "Is on the allowed team.", ("first-light:dp0",)),
    Person(1868, "theo-teammate", "Theo Teammate", "Is on it too.", ("first-light:dp0",)),
    Person(1900, "sam-stranger", "Sam Stranger", "Is on no list; will be turned away."),
    Person(
        1921, "bob-blocked", "Bob Blocked", "Is on the team, but blocked.", ("first-light:dp0",)
    ),
)


class People:
    """Who there is, by id; changed by tests, restored by `restore`."""

    def __init__(self, everybody: Iterable[Person] = _EVERYBODY) -> None:
        self._original = {person.number: person for person in everybody}
        self._now = dict(self._original)

    def everybody(self) -> list[Person]:
        """Return all people."""
        return list(self._now.values())

    def by_id(self, number: int) -> Person | None:
        """Return a person by numeric id."""
        return self._now.get(number)

    def by_login(self, login: str) -> Person | None:
        """Return a person by login; GitHub ignores its case."""
        return next((p for p in self._now.values() if p.login.lower() == login.lower()), None)

    def change(
        self,
        login: str,
        *,
        rename: str | None = None,
        teams: Iterable[str] | None = None,
        number: int | None = None,
    ) -> Person:
        """Rename a person, set the teams, or make a new account, with another id, like theirs.

        Raises
        ------
        KeyError
            If there is nobody of that login.
        """
        old = self.by_login(login)
        if old is None:
            raise KeyError(login)
        new = replace(
            old,
            login=rename or old.login,
            teams=old.teams if teams is None else tuple(teams),
            number=old.number if number is None else number,
        )
        if number is None:
            del self._now[old.number]
        self._now[new.number] = new
        return new

    def restore(self) -> None:
        """Make everybody as they were."""
        self._now = dict(self._original)
