"""The entry point of the portal: its routes, and what they work with."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from firstlight_common.runtime import Runtime
from firstlight_services import web
from firstlight_services.portal.catalog import CatalogClient
from firstlight_services.portal.component import CATALOG_SERVICE, COMPONENT
from firstlight_services.portal.handlers import CatalogHandler, ConeHandler, RootHandler
from firstlight_services.portal.landing import FaviconHandler, LandingHandler, StateHandler
from firstlight_services.portal.login import CallbackHandler, LoginHandler, LogoutHandler
from firstlight_services.portal.pages import PageNotFoundHandler
from firstlight_services.portal.service import Portal
from firstlight_services.portal.session import CALLBACK, HubLogin, Sealer
from firstlight_services.portal.settings import PortalSettings
from firstlight_services.portal.status import StatusBoard
from firstlight_services.portal.unavailable import NoRouteHandler

__all__ = ["build", "main", "make_app", "routes"]


def routes(context: web.ServiceContext[PortalSettings]) -> list[web.Route]:
    """Return the portal's routes: the landing page, the catalog pages."""
    found: list[web.Route] = [
        (r"/", LandingHandler),
        (r"/state\.json", StateHandler),
        (r"/portal/?", RootHandler),
        (r"/portal/app/?", CatalogHandler),
        (r"/portal/cone", ConeHandler),
        (r"/portal/login", LoginHandler),
        (r"/portal/logout", LogoutHandler),
        (CALLBACK, CallbackHandler),
        (r"/favicon\.ico", FaviconHandler),
    ]
    found += [(rf"{re.escape(path)}(?:/.*)?", NoRouteHandler) for path in _paths_of_others(context)]
    return found


def build(context: web.ServiceContext[PortalSettings]) -> Portal:
    """Make what the handlers work with."""
    return Portal(
        board=StatusBoard(context.runtime, context.hub_api_url),
        catalog=_catalog(context.runtime) if context.settings.enabled else None,
        login=HubLogin(context),
        sealer=Sealer(context.hub_token),
    )


def make_app(context: web.ServiceContext[PortalSettings]) -> web.ServiceApplication[Portal]:
    """Put the portal together."""
    return web.ServiceApplication(
        context,
        routes(context),
        build(context),
        not_found=PageNotFoundHandler,
        lifespan=_lifespan,
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run the portal."""
    state_dir = web.parse_state_dir(argv, COMPONENT.name)
    web.run_service(make_app(web.load_context(state_dir, COMPONENT.name, PortalSettings)))


def _catalog(runtime: Runtime) -> CatalogClient | None:
    """Return the client of the catalog service, if this run has that service."""
    if not runtime.has(CATALOG_SERVICE):
        return None
    service = runtime.component(CATALOG_SERVICE)
    return CatalogClient(f"{service.url}{service.path}")


def _paths_of_others(context: web.ServiceContext[PortalSettings]) -> list[str]:
    """Return where the other running components are, without the slash at the end."""
    return [
        path.rstrip("/")
        for component in context.runtime.running()
        if component.name != context.name
        for path in component.paths
    ]


@asynccontextmanager
async def _lifespan(portal: Portal) -> AsyncIterator[None]:
    try:
        yield
    finally:
        portal.close()
