"""A lab's tokens at the hub: created for a start, revoked at its end."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from jupyterhub import orm
from sqlalchemy import func
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from jupyterhub.user import User

__all__ = ["LabTokens", "people_with_lab_tokens"]

_FOR_SERVICES = "Your lab, for the data services"
_FOR_HUB = "Server at "
"""How JupyterHub describes the token with which a lab asks it who its visitors are."""


_OF_A_LAB = (orm.APIToken.note == _FOR_SERVICES) | (
    # A person can give a token of theirs the same note, but it expires.
    (func.substr(orm.APIToken.note, 1, len(_FOR_HUB)) == _FOR_HUB)
    & orm.APIToken.expires_at.is_(None)
)


def people_with_lab_tokens(session: Session) -> set[str]:
    """Return the names of the people who have a token of a lab, running or not."""
    names = session.query(orm.User.name).filter(orm.User.api_tokens.any(_OF_A_LAB))
    return {name for (name,) in names}


class LabTokens:
    """The tokens of one person's lab.

    Parameters
    ----------
    user
        The hub's user. Its tokens belong to the hub's own database session.
    """

    def __init__(self, user: User) -> None:
        self._user = user

    def mint(self, seconds: int, scopes: Sequence[str]) -> tuple[str, str]:
        """Create the lab's token for the data services.

        Parameters
        ----------
        seconds
            How long it is valid.
        scopes
            What it may do; it can always tell whose it is.

        Returns
        -------
        token, id
            The token, and the hub's id of it.
        """
        token: str = self._user.new_api_token(
            note=_FOR_SERVICES,
            expires_in=seconds,
            scopes=[*scopes, "read:users:name!user", "read:users:groups!user"],
        )
        return token, self.id_of(token)

    def id_of(self, token: str) -> str:
        """Return the hub's id of a token, or an empty string if there is no such token."""
        found = orm.APIToken.find(self._session, token)
        return str(found.api_id) if found else ""

    def revoke(self, ids: Collection[str]) -> None:
        """Revoke tokens by the hub's ids."""
        for token in list(self._user.orm_user.api_tokens):
            if token.api_id in ids:
                self._session.delete(token)
        self._session.commit()

    def revoke_forgotten(self, *, but: Collection[str] = ()) -> None:
        """Revoke the tokens of labs that do not run.

        Parameters
        ----------
        but
            The hub's ids of the tokens of the lab that does.

        Notes
        -----
        A hub that is killed while a lab starts leaves tokens that no record names, so they are
        found by their notes.
        """
        own = self._session.query(orm.APIToken).filter_by(user_id=self._user.orm_user.id)
        self.revoke({token.api_id for token in own.filter(_OF_A_LAB)} - set(but))

    @property
    def _session(self) -> Session:
        session = Session.object_session(self._user.orm_user)
        if session is None:
            raise RuntimeError("the hub's user belongs to no database session")
        return session
