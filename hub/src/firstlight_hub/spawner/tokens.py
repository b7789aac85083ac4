"""A lab's tokens at the hub: created for a start, revoked at its end."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from jupyterhub import orm
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from jupyterhub.user import User

__all__ = ["LabTokens"]


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
            note="Your lab, for the data services",
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

    @property
    def _session(self) -> Session:
        session = Session.object_session(self._user.orm_user)
        if session is None:
            raise RuntimeError("the hub's user belongs to no database session")
        return session
