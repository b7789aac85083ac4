"""The pieces of JupyterHub's objects that we use; JupyterHub itself has no types."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypedDict, runtime_checkable

from pydantic import JsonValue

if TYPE_CHECKING:
    from jupyterhub.auth import Authenticator
    from sqlalchemy.orm import Session
    from tornado.web import RequestHandler

__all__ = [
    "AuthState",
    "EndsLeftovers",
    "HasAccount",
    "Hub",
    "HubUser",
    "OrmToken",
    "OrmUser",
    "Proxy",
    "Route",
    "Server",
    "TokenResponse",
    "Users",
]

type Route = (
    tuple[str, type[RequestHandler]] | tuple[str, type[RequestHandler], Mapping[str, str | Path]]
)
"""A pattern, its handler and, where it has any, its arguments; the hub adds its prefix."""


class TokenResponse(TypedDict, total=False):
    """What an OAuth provider answers when it issues a token."""

    access_token: str
    refresh_token: str
    token_type: str
    scope: str


class AuthState(TypedDict, total=False):
    """What the hub stores about a login, encrypted, until the next one.

    Only `provider` and `uid` are known for people who log in with one-time links.
    """

    provider: str
    uid: int
    login: str
    subject: str
    organizations: list[str]
    teams: list[str]
    groups: list[str]
    last_good: float
    access_token: str
    refresh_token: str | None
    token_response: TokenResponse


class OrmToken(Protocol):
    """An API token in the hub's database (``orm.APIToken``)."""

    api_id: str
    client_id: str | None


class OrmSpawner(Protocol):
    """A lab in the hub's database (``orm.Spawner``)."""

    server: JsonValue
    user_options: Mapping[str, JsonValue] | None


class OrmUser(Protocol):
    """A user in the hub's database (``orm.User``)."""

    name: str
    cookie_id: str
    api_tokens: Sequence[OrmToken]
    oauth_codes: Sequence[OrmToken]
    orm_spawners: Mapping[str, OrmSpawner]


class Server(Protocol):
    """A user's lab, as the hub sees it (``Spawner``)."""

    active: bool
    pending: str | None


@runtime_checkable
class EndsLeftovers(Protocol):
    """A spawner that can end a lab which the hub no longer knows."""

    async def end_leftover(self) -> None:
        """End the lab that an earlier hub left behind, if there is one."""


class HasAccount(Protocol):
    """A spawner that can run a lab under the person's own account."""

    uid: int | None


class HubUser(Protocol):
    """A user with their labs (``jupyterhub.user.User``)."""

    name: str
    admin: bool
    orm_user: OrmUser
    spawner: Server
    spawners: Mapping[str, Server]

    async def get_auth_state(self) -> AuthState | None:
        """Return what was kept of the last login."""

    async def save_auth_state(self, auth_state: AuthState | None) -> None:
        """Store what is kept of this login, or delete it."""

    def sync_groups(self, group_names: Iterable[str]) -> None:
        """Make the user a member of exactly these groups."""

    async def stop(self, server_name: str = "") -> None:
        """Stop one of the user's labs."""


class Users(Protocol):
    """The users, by their row in the database (``jupyterhub.user.UserDict``)."""

    def __getitem__(self, key: OrmUser) -> HubUser: ...


class Proxy(Protocol):
    """The public proxy, which has a route to each lab (``jupyterhub.proxy.Proxy``)."""

    async def delete_user(self, user: HubUser, server_name: str = "") -> None:
        """Remove the route to a user's lab."""


class Hub(Protocol):
    """The hub's application (``jupyterhub.app.JupyterHub``)."""

    authenticator: Authenticator
    db: Session
    log: logging.Logger
    proxy: Proxy
    users: Users
