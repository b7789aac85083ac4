"""How the portal makes pages: templates, the frame around each page, errors as pages."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from tornado.web import StaticFileHandler

from firstlight_common import paths
from firstlight_common.assets import TEMPLATES
from firstlight_services.portal.component import COMPONENT
from firstlight_services.web import Kind, Person, ServiceError, ServiceHandler
from firstlight_services.web.context import SiteSettings

__all__ = [
    "AssetHandler",
    "ErrorPage",
    "Frame",
    "LogoHandler",
    "Page",
    "PageHandler",
    "PageNotFoundHandler",
    "ThemeHandler",
]

HERE = Path(__file__).parent

_templates = Environment(
    loader=FileSystemLoader([HERE / "templates", TEMPLATES]),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

_TITLES = {
    Kind.INVALID: "We could not read that",
    Kind.UNAUTHENTICATED: "Please log in",
    Kind.FORBIDDEN: "You do not have access",
    Kind.NOT_FOUND: "There is nothing here",
    Kind.UNAVAILABLE: "A component of the site is unavailable",
    Kind.TIMEOUT: "That took too long",
}


class Page(Protocol):
    """What a template shows; the template finds it as ``page``."""

    template: ClassVar[str]


@dataclass(frozen=True)
class Frame:
    """What is around every page: header, navigation, footer.

    Attributes
    ----------
    logo, notebooks, hub
        Addresses. ``notebooks`` leads to the lab if it runs, else to the form that starts one.
    demo
        Whether this is a demonstration.
    catalogs
        Whether this site offers catalog pages.
    person
        Who is logged in at the portal, if anybody.
    here
        The path of this page.
    nonce
        What lets the page's scripts run.
    root
        What precedes a path of the site: nothing, or the main origin on a page that is shown on a
        lab's host.
    """

    site: SiteSettings
    logo: str
    notebooks: str
    hub: str
    demo: bool
    catalogs: bool
    version: str
    person: Person | None
    here: str
    nonce: str
    root: str = ""


@dataclass(frozen=True)
class ErrorPage:
    """A failure, as a page.

    Attributes
    ----------
    reference
        The request's name in the log; empty if it does not help.
    reload_after
        Seconds until the page reloads; 0 if it does not.
    """

    template: ClassVar[str] = "error.html"
    title: str
    error: ServiceError
    reference: str = ""
    reload_after: int = 0


class PageHandler[T](ServiceHandler[T]):
    """A handler that answers with HTML.

    Pages load nothing from other sites and run only the scripts that have the page's nonce: where
    labs share the origin, their files are on this site too. The policy header enforces it.
    """

    requires_login = False
    _nonce: str = ""

    async def prepare(self) -> None:
        """Redirect a browser to the main host; then identify the person."""
        if not self.redirected():
            await super().prepare()

    def redirected(self) -> bool:
        """Redirect a browser to the main host, and return whether that was necessary."""
        origins, request = self.context.runtime.origins, self.request
        moved = origins.moved(request.host, request.method or "", request.headers)
        if moved:
            self.redirect(origins.main + (request.uri or "/"))
        return moved

    def set_default_headers(self) -> None:
        """Set the headers of a page."""
        self._nonce = secrets.token_urlsafe(18)
        super().set_default_headers()
        if self.context.runtime.origins.is_trustworthy:
            # Who opened the page cannot reach its window. Browsers ignore it elsewhere.
            self.set_header("Cross-Origin-Opener-Policy", "same-origin")

    @property
    def content_security_policy(self) -> str:
        """The policy of a page; what runs or loads has to be named here."""
        main = self.context.runtime.origins.main
        return (
            f"default-src 'none'; style-src {main}; script-src 'nonce-{self._nonce}'; "
            f"img-src {main} data:; connect-src 'self'; form-action 'self'; object-src 'none'; "
            "base-uri 'none'; frame-ancestors 'none'"
        )

    def render_page(self, page: Page) -> None:
        """Write a page."""
        self.set_header("Content-Type", "text/html; charset=utf-8")
        template = _templates.get_template(page.template)
        self.write(template.render(frame=self.frame(), page=page))

    def frame(self) -> Frame:
        """Return what is around the page."""
        shared, runtime = self.context.shared, self.context.runtime
        return Frame(
            site=shared.site,
            logo="/assets/logo" if shared.branding.logo else "/assets/logo.svg",
            notebooks=paths.HUB,
            hub=f"{paths.HUB}hub/",
            demo=runtime.demo,
            catalogs=any(page.component == COMPONENT.name for page in runtime.pages()),
            version=self.context.version,
            person=self._person,
            here=self.request.path,
            nonce=self._nonce,
        )

    def render_error(self, error: ServiceError, status: int, reference: str) -> None:
        """Show an error as a page: what happened, why, what to do next."""
        self.set_status(status)
        title = _TITLES.get(error.kind, "Something went wrong on our side")
        shown = reference if error.kind is Kind.INTERNAL else ""
        self.render_page(ErrorPage(title, error, reference=shown))


class PageNotFoundHandler[T](PageHandler[T]):
    """The page where no route matches."""

    async def prepare(self) -> None:
        """Refuse the request, whatever its method."""
        if not self.redirected():
            raise ServiceError(
                "not_found",
                "There is no page at this address.",
                hint="The address may be mistyped, or the page was removed. Start from the front "
                "page.",
                kind=Kind.NOT_FOUND,
            )


class AssetHandler(StaticFileHandler):
    """Stylesheet, scripts and pictures."""

    def set_extra_headers(self, path: str) -> None:  # noqa: ARG002
        """Let browsers cache files, but check whether they changed."""
        self.set_header("Server", "First Light")
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")


class LogoHandler(AssetHandler):
    """The site's own logo (``branding.logo``)."""

    def initialize(self, path: str) -> None:  # type: ignore[override]
        """Serve one file."""
        self._file = Path(path)
        super().initialize(path=str(self._file.parent))

    async def get(self, path: str = "", include_body: bool = True) -> None:  # noqa: ARG002
        """Return the file."""
        await super().get(self._file.name, include_body)


class ThemeHandler[T](PageHandler[T]):
    """``/assets/theme.css``: the site's accent, as the one variable the stylesheet builds on."""

    async def get(self) -> None:
        """Return the stylesheet."""
        self.set_header("Content-Type", "text/css; charset=utf-8")
        self.set_header("Cache-Control", "no-cache")
        self.write(f":root {{ --fl-accent: {self.context.shared.branding.accent}; }}\n")
