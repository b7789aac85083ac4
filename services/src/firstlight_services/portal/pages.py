"""How the portal makes pages: templates, the frame's values, errors as pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from tornado.web import StaticFileHandler

from firstlight_services.web import Kind, Person, ServiceError, ServiceHandler

__all__ = ["AssetHandler", "LogoHandler", "PageHandler", "PageNotFoundHandler", "ThemeHandler"]

HERE = Path(__file__).parent

_templates = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

_TITLES = {
    Kind.INVALID: "We could not read that",
    Kind.UNAUTHENTICATED: "Please log in",
    Kind.FORBIDDEN: "You may not go there",
    Kind.NOT_FOUND: "There is nothing here",
    Kind.UNAVAILABLE: "A part of the site is away",
    Kind.TIMEOUT: "That took too long",
}


class PageHandler(ServiceHandler):
    """A handler that answers with HTML.

    Pages load nothing from elsewhere and run no inline script; the policy header says so.
    """

    requires_login = False
    content_security_policy: ClassVar[str] = (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )

    def render_page(self, template: str, **values: Any) -> None:
        """Write a page."""
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.write(_templates.get_template(template).render(**self.frame(), **values))

    def frame(self) -> dict[str, Any]:
        """Return what the frame of every page needs."""
        settings = self.context.settings
        return {
            "site": settings.site,
            "logo": "/assets/logo" if settings.branding.logo else "/assets/logo.svg",
            # Leads to the lab if it runs, else to the form that starts one.
            "notebooks": self.context.hub_base_url,
            "hub": f"{self.context.hub_base_url}hub/",
            "demo": self.context.runtime.demo,
            "catalogs": settings.services.portal.enabled and settings.services.tap.enabled,
            "version": self.context.version,
            "person": self._person,
            "here": self.request.path,
        }

    def render_error(self, error: ServiceError, status: int, reference: str) -> None:
        """Show an error as a page: what happened, why, what to do next."""
        self.set_status(status)
        self.render_page(
            "error.html",
            title=_TITLES.get(error.kind, "Something went wrong on our side"),
            error=error,
            reference=reference if error.kind is Kind.INTERNAL else "",
            reload_after=0,
        )

    @property
    def known_person(self) -> Person | None:
        """Who is logged in, if anybody."""
        return self._person


class PageNotFoundHandler(PageHandler):
    """Whatever no route matches, as a page."""

    async def prepare(self) -> None:
        """Refuse, whatever the method."""
        raise ServiceError(
            "not_found",
            "The address leads nowhere on this site.",
            hint="It may be mistyped, or what was here is gone. Start from the front page.",
            kind=Kind.NOT_FOUND,
        )


class AssetHandler(StaticFileHandler):
    """Stylesheet, scripts and pictures."""

    def set_extra_headers(self, path: str) -> None:  # noqa: ARG002
        """Let browsers keep files, and ask whether they changed."""
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
        """Answer with the file."""
        await super().get(self._file.name, include_body)


class ThemeHandler(PageHandler):
    """``/assets/theme.css``: the site's accent, as the one variable the stylesheet builds on."""

    async def get(self) -> None:
        """Answer."""
        self.set_header("Content-Type", "text/css; charset=utf-8")
        self.set_header("Cache-Control", "no-cache")
        self.write(f":root {{ --fl-accent: {self.context.settings.branding.accent}; }}\n")
