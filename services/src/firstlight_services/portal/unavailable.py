"""What people and programs see while a component restarts: the proxy's error pages.

Notes
-----
configurable-http-proxy requests ``<error target>/<code>?url=<path>`` and passes on only content
type and body, under its own status. So the body has to say everything: the script of an HTML page
asks again, instead of a ``Retry-After`` header. A plain refresh would reload the page under those
who read or hear it (WCAG 2.1, failure F41), so it is for browsers without scripts only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlsplit

from firstlight_common import paths
from firstlight_common.errors import error_json, error_votable
from firstlight_common.recovery import HUB_SECONDS, seconds_until_back
from firstlight_common.runtime import RuntimeComponent
from firstlight_services.portal.component import CATALOG_SERVICE, COMPONENT
from firstlight_services.portal.pages import ErrorPage, Frame, PageHandler
from firstlight_services.web import Kind, ServiceError
from firstlight_services.web.hub import HUB_NAME

__all__ = ["NoRouteHandler", "Outage", "UnavailableHandler", "describe"]

_LAB = f"{paths.HUB}user/"


@dataclass(frozen=True)
class Outage:
    """An unavailable component, in words, and the format that the caller expects.

    Attributes
    ----------
    title
        What is unavailable; a clause without a full stop.
    seconds
        How soon it should be back.
    message, hint
        What a page says below the title.
    """

    code: str
    title: str
    seconds: int
    message: str
    hint: str
    form: Literal["votable", "json", "html"]


def describe(path: str, components: Iterable[RuntimeComponent]) -> Outage:
    """Describe what is unavailable, judging by the path of the original request.

    Parameters
    ----------
    components
        The components that may be the one, each with its public paths.
    """
    component = _component_at(path, components)
    form: Literal["json", "html"] = "json" if "/api/" in path else "html"
    if path.startswith(_LAB):
        return Outage(
            "lab_unavailable",
            "Your lab is not responding",
            HUB_SECONDS,
            "It may be stopping, or it has ended.",
            "This page reloads automatically. Your files are safe. You can start the lab again "
            "from your home page.",
            form,
        )
    seconds = seconds_until_back(component.name if component else "")
    soon = f"It should be back within {seconds} seconds; this page reloads automatically."
    if component is not None and component.name == COMPONENT.name:
        return Outage(
            "front_page_unavailable",
            "The catalog pages are restarting"
            if path.startswith(COMPONENT.path)
            else "The front page is restarting",
            seconds,
            soon,
            "Running labs are not affected, and the notebooks can be reached as usual.",
            form,
        )
    # An address that belongs to nobody leads to the hub, which knows where to send people.
    if component.name == HUB_NAME if component else form == "html":
        return Outage(
            "hub_unavailable",
            "The hub is restarting",
            HUB_SECONDS,
            f"It should be back within {HUB_SECONDS} seconds; this page reloads automatically.",
            "Running labs are not affected.",
            form,
        )
    catalogs = component is not None and component.name == CATALOG_SERVICE
    return Outage(
        "tap_unavailable" if catalogs else "service_unavailable",
        f"The {component.title} service is unavailable"
        if component and component.title
        else "This service is unavailable",
        seconds,
        soon,
        "",
        "votable" if catalogs else form,
    )


def _component_at(path: str, components: Iterable[RuntimeComponent]) -> RuntimeComponent | None:
    """Return the component with the longest public path that leads to an address."""
    slashed = f"{path}/"
    found = [
        (len(public), component)
        for component in components
        for public in component.paths
        if slashed.startswith(public)
    ]
    return max(found, key=lambda pair: pair[0])[1] if found else None


class UnavailableHandler[T](PageHandler[T]):
    """``/_error/<code>?url=<path>``: requested by the proxy."""

    async def get(self, code: str) -> None:
        """Answer in the format that the original caller expects."""
        # Anybody may call this address; it returns fixed sentences only.
        status = int(code) if code in ("404", "502", "503", "504") else 503
        self.write_outage(urlsplit(self.get_query_argument("url", "/")).path, status)

    def frame(self) -> Frame:
        """Return what is around the page, with whole addresses: it may be shown on a lab's host."""
        frame, main = super().frame(), self.context.runtime.origins.main
        return replace(
            frame,
            root=main,
            logo=main + frame.logo,
            notebooks=main + frame.notebooks,
            hub=main + frame.hub,
        )

    def write_outage(self, path: str, status: int) -> None:
        """Write the answer to a request of a path whose component is unavailable."""
        components = self.context.runtime.components
        outage = describe(path, (one for one in components if one.name != self.context.name))
        words = f"{outage.title}; try again in {outage.seconds} seconds."
        self.set_status(status)
        self.set_header("Retry-After", "3")
        if outage.form == "votable":
            self.set_header("Content-Type", "application/x-votable+xml")
            self.write(error_votable(words))
        elif outage.form == "json":
            body = error_json(outage.code, words)
            # `status` and `message` are what JupyterHub's and JupyterLab's clients read.
            self.write_json({"status": status, "message": words, "error": {**body}}, status)
        else:
            error = ServiceError(
                outage.code, outage.message, hint=outage.hint, kind=Kind.UNAVAILABLE
            )
            self.render_page(ErrorPage(outage.title, error, reload_after=3))


class NoRouteHandler[T](UnavailableHandler[T]):
    """Addresses of other components: a proxy that has just restarted has no route to them yet."""

    async def prepare(self) -> None:
        """Answer, whatever the method."""
        self.write_outage(self.request.path, 503)
        await self.finish()
