"""The page of one-time links, and the API that creates them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from jupyterhub.apihandlers import APIHandler
from jupyterhub.handlers import BaseHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.utils import url_path_join
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tornado import web

from firstlight_hub.auth.refusals import LINK_FIELD, refusal, used_link
from firstlight_hub.people.models import NameTakenError
from firstlight_hub.people.names import clean_local_name
from firstlight_hub.people.store import PeopleStore
from firstlight_hub.protocols import Route

if TYPE_CHECKING:
    from firstlight_hub.auth.base import PeopleAuthenticator

__all__ = ["handlers"]

_WEEK = 7 * 86400


def handlers() -> list[Route]:
    """Return the routes; `PeopleAuthenticator.get_handlers` passes them to the hub."""
    return [(r"/link", LinkHandler), (r"/api/firstlight/links", LinksApiHandler)]


class LinkHandler(BaseHandler):
    """``/hub/link?token=…``: a page with a button, so that a link's preview does not use it up."""

    def set_default_headers(self) -> None:
        """Keep the token out of caches and of other sites' logs."""
        super().set_default_headers()
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cache-Control", "no-store")

    async def get(self) -> None:
        """Show whom the link logs in."""
        authenticator: PeopleAuthenticator = self.authenticator
        token = self.get_argument("token", "")
        link = await authenticator.ask_people(PeopleStore.find_link, token)
        if link is None:
            raise used_link(authenticator.contact)
        html = await self.render_template(
            "link.html",
            link=link,
            token=token,
            next=self.get_argument("next", ""),
            xsrf=self.xsrf_token.decode("ascii"),
            action=url_path_join(self.hub.base_url, "link"),
        )
        self.finish(html)

    async def post(self) -> None:
        """Use the link up and log its person in, through the hub's ordinary login."""
        user = await self.login_user({LINK_FIELD: self.get_body_argument("token", "")})
        if user is None:
            raise refusal(403, "This link does not give access.")
        self._jupyterhub_user = user
        self.redirect(self.get_next_url(user))


class LinkRequest(BaseModel):
    """The body of a request for a new link."""

    model_config = ConfigDict(extra="forbid", strict=True)

    user: str
    admin: bool = False
    expires_in: int = Field(900, ge=10, le=_WEEK)


class LinksApiHandler(APIHandler):
    """``POST /hub/api/firstlight/links`` creates a one-time link for the ``firstlight`` command."""

    @needs_scope("admin:users")
    async def post(self) -> None:
        """Answer with the link, which is shown nowhere else."""
        wanted = self._wanted()
        name = clean_local_name(wanted.user)
        if name is None:
            raise web.HTTPError(
                400,
                f'"{wanted.user}" is not a valid name: use a letter, then letters, digits, '
                "hyphens or underscores, 32 at most.",
            )
        authenticator: PeopleAuthenticator = self.authenticator
        if name in authenticator.lists.blocked:
            raise web.HTTPError(409, f"{name} is on the block list; remove the name from it first.")
        lifetime = timedelta(seconds=wanted.expires_in)
        try:
            token, link = await authenticator.ask_people(
                PeopleStore.new_link, name, admin=wanted.admin, lifetime=lifetime
            )
        except NameTakenError as error:
            raise web.HTTPError(
                409, f"{name} logs in through the identity provider; choose another name."
            ) from error
        self.log.info("%s created a link for %s", self.current_user.name, name)
        path = url_path_join(self.hub.base_url, "link")
        url = f"{authenticator.public_origin}{path}?{urlencode({'token': token})}"
        self.set_status(201)
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps({"url": url, "expires": link.expires.isoformat(), "user": name}))

    def _wanted(self) -> LinkRequest:
        try:
            return LinkRequest.model_validate(self.get_json_body() or {})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the body"
            message = f'{where}: {first["msg"]}. Send {{"user": NAME, "admin": false, '
            raise web.HTTPError(400, f'{message}"expires_in": 900}}.') from error
