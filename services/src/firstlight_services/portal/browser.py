"""The catalog pages: log in by the hub, look at tables, try a cone search."""

from __future__ import annotations

import hmac
from typing import Any
from urllib.parse import urlencode

from firstlight_services.portal.catalog import CatalogClient
from firstlight_services.portal.models import Rows, Table
from firstlight_services.portal.pages import PageHandler
from firstlight_services.portal.policy import (
    MAX_ROWS,
    cone_adql,
    python_snippet,
    read_cone,
    safe_next,
)
from firstlight_services.portal.session import HubLogin, LoginAttempt, Sealer, login_failed
from firstlight_services.web import Kind, ServiceError

__all__ = [
    "CallbackHandler",
    "CatalogHandler",
    "ConeHandler",
    "LoginHandler",
    "LogoutHandler",
    "RootHandler",
]

HOME = "/portal/app"
_SESSION_SECONDS = 24 * 3600
_ATTEMPT_SECONDS = 600
_DEFAULTS = {"table": "", "ra": "56.655", "dec": "-36.436", "radius": "0.02"}


class SessionHandler(PageHandler):
    """A page that knows the person by the portal's own cookie."""

    @property
    def login(self) -> HubLogin:
        """Speaks OAuth with the hub."""
        login: HubLogin = self.settings["login"]
        return login

    @property
    def sealer(self) -> Sealer:
        """Encrypts cookies."""
        sealer: Sealer = self.settings["sealer"]
        return sealer

    @property
    def catalog(self) -> CatalogClient:
        """The TAP service."""
        catalog: CatalogClient = self.settings["catalog"]
        return catalog

    def credentials(self) -> tuple[str, ...]:
        """Return the token in the cookie; browsers send nothing else here."""
        sealed = self.get_cookie(self.login.cookie_name, "") or ""
        session = self.sealer.open(sealed, _SESSION_SECONDS)
        return (session["token"],) if session and "token" in session else ()

    def put_cookie(self, name: str, value: dict[str, str], max_age: int) -> None:
        """Set a cookie that only the portal's pages send and no script reads."""
        self.set_cookie(
            name,
            self.sealer.seal(value),
            path="/portal/",
            httponly=True,
            samesite="Lax",
            secure=self.context.public_url.startswith("https:"),
            max_age=max_age,
        )

    def drop_cookie(self, name: str) -> None:
        """Remove a cookie."""
        self.clear_cookie(name, path="/portal/")


class RootHandler(PageHandler):
    """``/portal/``: leads to the catalogs."""

    async def get(self) -> None:
        """Redirect."""
        self.redirect(HOME)


class LoginHandler(SessionHandler):
    """``/portal/login``: sends the browser to the hub."""

    async def get(self) -> None:
        """Begin a login; whoever is logged in at the hub does not notice."""
        attempt = LoginAttempt.begin(safe_next(self.get_query_argument("next", HOME), HOME))
        self.put_cookie(self.login.attempt_cookie(attempt.state), vars(attempt), _ATTEMPT_SECONDS)
        self.redirect(self.login.authorize_url(attempt))


class CallbackHandler(SessionHandler):
    """``/portal/oauth_callback``: the hub sends the browser back here."""

    async def get(self) -> None:
        """Finish the login."""
        if self.get_query_argument("error", ""):
            raise ServiceError(
                "login_refused",
                "The hub did not let you in here.",
                hint="Ask the site's contact whether your account may use the catalogs.",
                kind=Kind.FORBIDDEN,
            )
        state = self.get_query_argument("state", "")
        name = self.login.attempt_cookie(state)
        kept = self.sealer.open(self.get_cookie(name, "") or "", _ATTEMPT_SECONDS)
        # Without the cookie of this very browser, somebody else began this login (RFC 6749, 10.12).
        if not kept or not hmac.compare_digest(kept.get("state", "").encode(), state.encode()):
            raise login_failed()
        attempt = LoginAttempt(kept["state"], kept["verifier"], kept["next_url"])
        token = await self.login.exchange(self.get_query_argument("code", ""), attempt)
        if await self.checker.check(token) is None:
            raise login_failed()
        self.drop_cookie(name)
        self.put_cookie(self.login.cookie_name, {"token": token}, _SESSION_SECONDS)
        self.redirect(safe_next(attempt.next_url, HOME))


class LogoutHandler(SessionHandler):
    """``/portal/logout``: forgets the person here, then at the hub."""

    async def get(self) -> None:
        """Log out."""
        for token in self.credentials():
            self.checker.forget(token)
        self.drop_cookie(self.login.cookie_name)
        # The hub sends browsers here when it has logged them out itself.
        done = self.get_query_argument("from", "") == "hub"
        self.redirect(f"{self.context.hub_base_url}hub/{'login' if done else 'logout'}")


class CatalogPage(SessionHandler):
    """What the catalog pages share: they need a login, and a portal that is switched on."""

    requires_login = True

    async def prepare(self) -> None:
        """Turn away if the portal is off; log in who is not."""
        services = self.context.settings.services
        if not (services.portal.enabled and services.tap.enabled):
            raise ServiceError(
                "portal_off",
                "This site does not offer catalog pages.",
                hint="Use the catalogs from your notebooks instead.",
                kind=Kind.NOT_FOUND,
            )
        try:
            await super().prepare()
        except ServiceError as error:
            if error.kind is not Kind.UNAUTHENTICATED or self.request.method != "GET":
                raise
            self.redirect("/portal/login?" + urlencode({"next": self.request.uri or HOME}))

    def form_values(self) -> dict[str, str]:
        """Return the cone search form's fields, as typed."""
        return {
            name: self.get_query_argument(name, default)[:100]
            for name, default in _DEFAULTS.items()
        }

    def render_catalog(self, tables: tuple[Table, ...], **values: Any) -> None:
        """Show a catalog page."""
        searchable = [table for table in tables if table.position]
        self.render_page(
            "catalog.html",
            **{
                "tables": tables,
                "searchable": searchable,
                "form": self.form_values(),
                "rows": None,
                "problem": None,
                "adql": "",
                "snippet": "",
                "max_rows": MAX_ROWS,
                **values,
            },
        )


class CatalogHandler(CatalogPage):
    """``/portal/app``: tables and columns."""

    async def get(self) -> None:
        """Show them."""
        self.render_catalog(await self.catalog.tables(self.token))


class ConeHandler(CatalogPage):
    """``/portal/cone``: runs a cone search and shows the first rows.

    The search is a GET: it changes nothing, and its address can be kept and sent to a colleague.
    """

    async def get(self) -> None:
        """Search; what is wrong with the form is said on the same page."""
        form = self.form_values()
        tables = await self.catalog.tables(self.token)
        rows: Rows | None = None
        problem: ServiceError | None = None
        adql = ""
        try:
            cone = read_cone(**form)
            adql = cone_adql(cone, _find(tables, cone.table))
            rows = await self.catalog.query(self.token, adql)
        except ServiceError as error:
            if error.kind in (Kind.FORBIDDEN, Kind.UNAVAILABLE):
                raise
            self.set_status(error.kind.value)
            problem = error
        snippet = python_snippet(adql) if adql else ""
        self.render_catalog(tables, rows=rows, problem=problem, adql=adql, snippet=snippet)


def _find(tables: tuple[Table, ...], name: str) -> Table:
    for table in tables:
        if table.name == name:
            return table
    raise ServiceError(
        "no_table", "There is no such table.", hint="Choose one of the list.", kind=Kind.INVALID
    )
