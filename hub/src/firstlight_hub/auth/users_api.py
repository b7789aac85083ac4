"""Adding and renaming users through the hub's API: what the lists would not confirm is refused.

A person becomes a user at their first login, with the name that belongs to their account. A name
that an administrator adds by hand belongs to nobody: the lists deny it access, and whoever has that
login later gets another name. The operator's services may still create users, for which they vouch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyterhub import orm
from jupyterhub.apihandlers.users import UserAPIHandler as HubUserHandler
from jupyterhub.apihandlers.users import UserListAPIHandler as HubUsersHandler
from jupyterhub.scopes import needs_scope
from tornado.web import HTTPError

if TYPE_CHECKING:
    from jupyterhub.handlers import BaseHandler

    from firstlight_hub.auth.base import PeopleAuthenticator
    from firstlight_hub.protocols import Route

__all__ = ["handlers"]


def handlers() -> list[Route]:
    """Return the routes; they come before the hub's own."""
    return [(r"/api/users", UsersHandler), (r"/api/users/([^/]+)", UserHandler)]


class UsersHandler(HubUsersHandler):
    """``/hub/api/users``: the hub's own, except that people add nobody."""

    @needs_scope("admin:users")
    async def post(self) -> None:
        """Add users, if an operator's service asks for it."""
        _refuse_people(self)
        await super().post()


class UserHandler(HubUserHandler):
    """``/hub/api/users/NAME``: the hub's own, except for what follows the lists."""

    @needs_scope("admin:users")
    async def post(self, user_name: str) -> None:
        """Add a user, if an operator's service asks for it."""
        _refuse_people(self)
        await super().post(user_name)

    @needs_scope("admin:users")
    async def patch(self, user_name: str) -> None:
        """Change a user; a person's name and rights are not changed here."""
        authenticator: PeopleAuthenticator = self.authenticator
        user = self.find_user(user_name)
        body = self.get_json_body()
        if user is not None and isinstance(body, dict):
            renamed = body.get("name", user.name) != user.name
            promoted = body.get("admin", user.admin) != user.admin
            why_not = await authenticator.why_not_changed(
                user.name, renamed=renamed, promoted=promoted
            )
            if why_not:
                raise HTTPError(400, why_not)
        await super().patch(user_name)


def _refuse_people(handler: BaseHandler) -> None:
    authenticator: PeopleAuthenticator = handler.authenticator
    if not isinstance(handler.current_user, orm.Service):
        raise HTTPError(400, authenticator.why_not_added)
