"""What every answer of the hub has in common: its host, its cookies, its security headers.

JupyterHub has settings for some of this, but for none of: a nonce for each page, the ``__Host-``
prefix on all cookies, and pages on the main host only. All its handlers have one base class, whose
public methods are overridden here.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from jupyterhub.apihandlers import APIHandler
from jupyterhub.handlers import BaseHandler
from jupyterhub.handlers.pages import AdminHandler
from jupyterhub.handlers.static import CacheControlStaticFilesHandler
from tornado.httputil import HTTPServerRequest
from tornado.web import Application, HTTPError, RequestHandler

from firstlight_common.origins import HOST_PREFIX, Origins, host_cookies

if TYPE_CHECKING:
    from datetime import datetime

    from firstlight_hub.protocols import Route

__all__ = ["ORIGINS", "SecureHandler", "StaticFilesHandler", "secured"]

ORIGINS = "firstlight_origins"
"""The tornado setting with the site's `Origins`."""


class SecureHandler(BaseHandler):
    """A mixin for JupyterHub's handlers.

    Notes
    -----
    A cookie that another host of the same site has set for their common parent domain looks like
    one of ours. So wherever browsers support it, over HTTPS, all cookies get the ``__Host-``
    prefix, and those without it are ignored.
    """

    def __init__(
        self, application: Application, request: HTTPServerRequest, **arguments: Any
    ) -> None:
        self._origins: Origins = application.settings[ORIGINS]
        self._nonce = secrets.token_urlsafe(18)
        if self._origins.cookies_have_prefix and "Cookie" in request.headers:
            request.headers["Cookie"] = host_cookies(request.headers["Cookie"])
        super().__init__(application, request, **arguments)

    async def prepare(self) -> None:
        """Serve the hub on the main host only, then identify the user."""
        host, at_hub = self.request.host, self.request.path.startswith(self.hub.base_url)
        if at_hub and self._origins.is_lab(host):
            # Scripts of a lab's origin could read what the hub answers there.
            if self.request.method not in {"GET", "HEAD"}:
                raise HTTPError(421, "The hub has another address.", reason="Misdirected Request")
            self.redirect(self._origins.main + (self.request.uri or "/"))
        elif self._origins.moved(host, self.request.method or "", self.request.headers):
            self.redirect(self._origins.main + (self.request.uri or "/"))
        else:
            await super().prepare()

    def set_default_headers(self) -> None:
        """Set the headers that every answer has."""
        super().set_default_headers()
        self.set_header("X-Content-Type-Options", "nosniff")
        if self._origins.is_trustworthy:
            # Who opened the page cannot reach its window. Browsers ignore and report it elsewhere.
            self.set_header("Cross-Origin-Opener-Policy", "same-origin")

    @property
    def content_security_policy(self) -> str:
        """The policy of a page; what runs or loads has to be named here.

        JupyterHub's address for reports refuses them all, because browsers send no form's key.
        """
        if isinstance(self, APIHandler):
            return f"{super().content_security_policy}; base-uri 'none'; form-action 'none'"
        labs = self._origins.all_labs
        nonce = f"'nonce-{self._nonce}'"
        # JupyterHub's administration program inserts stylesheets, and cannot be given the nonce.
        styles = "'unsafe-inline'" if isinstance(self, AdminHandler) else nonce
        return "; ".join(
            (
                "default-src 'none'",
                # The scripts with the nonce load modules.
                f"script-src {nonce} 'strict-dynamic'",
                f"style-src 'self' {styles}",
                "img-src 'self' data:",
                "font-src 'self'",
                "connect-src 'self'",
                # After a login or a confirmation, the form's answer leads on to a lab.
                f"form-action 'self'{f' {labs}' if labs else ''}",
                "object-src 'none'",
                "base-uri 'none'",
                "frame-ancestors 'none'",
            )
        )

    @property
    def template_namespace(self) -> dict[str, Any]:
        """What every template may use."""
        return {**super().template_namespace, "csp_nonce": self._nonce}

    def set_cookie(
        self,
        name: str,
        value: str | bytes,
        domain: str | None = None,  # noqa: ARG002
        expires: float | tuple[int, ...] | datetime | None = None,
        path: str = "/",
        expires_days: float | None = None,
        **options: Any,
    ) -> None:
        """Set a cookie for the main host and no other, or clear it.

        JupyterHub shares the number of a session with labs on subdomains, which have no use for it.
        """
        if self._origins.cookies_have_prefix:
            name = HOST_PREFIX + name.removeprefix(HOST_PREFIX)
            path, options["secure"] = "/", True
        super().set_cookie(name, value, None, expires, path, expires_days, **options)


class StaticFilesHandler(CacheControlStaticFilesHandler):
    """JupyterHub's static files, whose type browsers do not guess."""

    def set_extra_headers(self, path: str) -> None:
        """Add to JupyterHub's headers."""
        super().set_extra_headers(path)
        self.set_header("X-Content-Type-Options", "nosniff")


def secured(routes: Iterable[Route]) -> list[Route]:
    """Return routes whose handlers are `SecureHandler` too, under their own names."""
    return [(pattern, _secured(handler), *rest) for pattern, handler, *rest in routes]  # type: ignore[misc]


def _secured(handler: type[RequestHandler]) -> type[RequestHandler]:
    if not issubclass(handler, BaseHandler) or issubclass(handler, SecureHandler):
        return handler
    # The hub's metrics and log name handlers.
    names = {"__module__": handler.__module__, "__qualname__": handler.__qualname__}
    return type(handler.__name__, (SecureHandler, handler), names)
