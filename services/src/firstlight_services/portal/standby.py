"""The entry point of the error pages: ``python -m firstlight_services.portal.standby``.

Notes
-----
The proxy asks here for what to show while a component is unavailable, the portal included, and
finds here the files that every page loads. It needs no other component and no login.
"""

from __future__ import annotations

from collections.abc import Sequence

from firstlight_common.assets import STATIC
from firstlight_common.runtime import sample_folder
from firstlight_common.section import Section
from firstlight_services import web
from firstlight_services.portal.component import ERROR_PAGES
from firstlight_services.portal.pages import (
    HERE,
    AssetHandler,
    LogoHandler,
    PageNotFoundHandler,
    ThemeHandler,
)
from firstlight_services.portal.unavailable import UnavailableHandler

__all__ = ["main", "make_app", "routes"]


def routes(context: web.ServiceContext[Section]) -> list[web.Route]:
    """Return the routes: the error pages, and the files of all pages."""
    found: list[web.Route] = [
        (r"(\d{3})", UnavailableHandler),
        (r"/assets/theme\.css", ThemeHandler),
        (r"/assets/((?:portal|theme)\.js)", AssetHandler, {"path": str(HERE / "static")}),
        (r"/assets/(preview\.png)", AssetHandler, {"path": str(sample_folder(context.state_dir))}),
        (r"/assets/([a-z]+\.(?:css|svg))", AssetHandler, {"path": str(STATIC)}),
    ]
    if context.shared.branding.logo:
        found.append((r"/assets/logo", LogoHandler, {"path": str(context.shared.branding.logo)}))
    return found


def make_app(context: web.ServiceContext[Section]) -> web.ServiceApplication[None]:
    """Put the error pages together."""
    return web.ServiceApplication(context, routes(context), None, not_found=PageNotFoundHandler)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the error pages."""
    state_dir = web.parse_state_dir(argv, ERROR_PAGES.name)
    web.run_service(make_app(web.load_context(state_dir, ERROR_PAGES.name, Section)))


if __name__ == "__main__":
    main()
