"""The door to the portal: its routes, and what they work with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tornado.web import Application

from firstlight_common.assets import STATIC
from firstlight_services import web
from firstlight_services.portal.away import AwayHandler, LostRouteHandler
from firstlight_services.portal.browser import (
    CallbackHandler,
    CatalogHandler,
    ConeHandler,
    LoginHandler,
    LogoutHandler,
    RootHandler,
)
from firstlight_services.portal.catalog import CatalogClient
from firstlight_services.portal.landing import LandingHandler, StateHandler
from firstlight_services.portal.pages import (
    HERE,
    AssetHandler,
    LogoHandler,
    PageNotFoundHandler,
    ThemeHandler,
)
from firstlight_services.portal.session import CALLBACK, HubLogin, Sealer
from firstlight_services.portal.status import StatusBoard

__all__ = ["build", "main", "routes"]


def routes(context: web.ServiceContext) -> list[web.Route]:
    """Return the portal's routes: the landing page, its files, the catalog pages."""
    found: list[web.Route] = [
        (r"/", LandingHandler),
        (r"/state\.json", StateHandler),
        (r"/_error/(\d{3})", AwayHandler),
        (r"/portal/?", RootHandler),
        (r"/portal/app/?", CatalogHandler),
        (r"/portal/cone", ConeHandler),
        (r"/portal/login", LoginHandler),
        (r"/portal/logout", LogoutHandler),
        (CALLBACK, CallbackHandler),
        (r"/assets/theme\.css", ThemeHandler),
        (r"/assets/((?:portal|theme)\.js)", AssetHandler, {"path": str(HERE / "static")}),
        (r"/assets/(preview\.png)", AssetHandler, {"path": str(context.state_dir / "data")}),
        (r"/assets/([a-z]+\.(?:css|svg))", AssetHandler, {"path": str(STATIC)}),
        (r"/(favicon)\.ico", FaviconHandler),
    ]
    services = context.settings.services
    parts = [
        "nb",
        *(f"api/{name}" for name in ("tap", "butler") if getattr(services, name).enabled),
    ]
    found.append((rf"/(?:{'|'.join(parts)})(?:/.*)?", LostRouteHandler))
    if context.settings.branding.logo:
        found.append((r"/assets/logo", LogoHandler, {"path": str(context.settings.branding.logo)}))
    return found


class FaviconHandler(web.ServiceHandler):
    """``/favicon.ico``, which browsers ask for unbidden."""

    requires_login = False

    async def get(self, _: str) -> None:
        """Lead to the drawn one."""
        self.redirect("/assets/favicon.svg", permanent=True)


def build(context: web.ServiceContext) -> dict[str, Any]:
    """Make the objects that the handlers work with."""
    port = context.runtime.ports.get("tap", 0)
    return {
        "board": StatusBoard(context),
        "catalog": CatalogClient(f"http://127.0.0.1:{port}/api/tap"),
        "login": HubLogin(context),
        "sealer": Sealer(context.hub_token),
        "not_found": PageNotFoundHandler,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Run the portal."""
    context = web.load_context(web.parse_state_dir(argv, "portal"), "portal")
    web.run_service(context, routes(context), on_stop=_close, **build(context))


async def _close(app: Application) -> None:
    app.settings["board"].close()
    app.settings["catalog"].close()
