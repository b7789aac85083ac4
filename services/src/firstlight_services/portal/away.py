"""What people and programs see while a part restarts: the proxy's error pages.

Notes
-----
configurable-http-proxy asks ``<error target>/<code>?url=<path>`` and passes on content type and
body only, under its own status. So what a page has to say is in its body: a refresh in the
HTML, not a ``Retry-After``.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from firstlight_common.errors import error_json, error_votable
from firstlight_services.portal.pages import PageHandler
from firstlight_services.web import Kind, ServiceError

__all__ = ["Absence", "AwayHandler", "LostRouteHandler", "describe"]


@dataclass(frozen=True)
class Absence:
    """What is away, in words, and in which language the caller wants to hear it."""

    code: str
    title: str
    message: str
    hint: str
    form: str
    """``votable``, ``json`` or ``html``."""


def describe(path: str) -> Absence:
    """Say what is away, judging by the path that was asked for.

    Parameters
    ----------
    path
        The path of the original request.
    """
    if path.startswith("/api/tap"):
        return Absence(
            "tap_unavailable",
            "The catalogs are restarting",
            "The catalog service is restarting; try again in a few seconds.",
            "",
            "votable",
        )
    if path.startswith("/api/"):
        return Absence(
            "service_unavailable",
            "The service is restarting",
            "This service is restarting; try again in a few seconds.",
            "",
            "json",
        )
    if "/user/" in path:
        return Absence(
            "lab_unavailable",
            "Your lab does not answer",
            "It may be stopping, or it ended.",
            "This page tries again by itself. Your files are safe; your home page can start it.",
            "json" if "/api/" in path else "html",
        )
    return Absence(
        "hub_unavailable",
        "The hub is restarting",
        "It is back in a few seconds; this page tries again by itself.",
        "Labs that run keep running.",
        "json" if "/hub/api/" in path else "html",
    )


class AwayHandler(PageHandler):
    """``/_error/<code>?url=<path>``: asked by the proxy."""

    async def get(self, code: str) -> None:
        """Answer in the language of whoever asked."""
        # Anybody may call this address; it says fixed sentences only.
        status = int(code) if code in ("404", "502", "503", "504") else 503
        self.say_absent(urlsplit(self.get_query_argument("url", "/")).path, status)

    def say_absent(self, path: str, status: int) -> None:
        """Write the answer to a request of a path whose part is away."""
        absence = describe(path)
        self.set_status(status)
        self.set_header("Retry-After", "3")
        if absence.form == "votable":
            self.set_header("Content-Type", "application/x-votable+xml")
            self.write(error_votable(absence.message))
        elif absence.form == "json":
            message = f"{absence.title}; try again in a few seconds."
            error = error_json(absence.code, message)
            # `status` and `message` are what JupyterHub's and JupyterLab's clients read.
            self.write_json({"status": status, "message": message, "error": error}, status)
        else:
            self.render_page(
                "error.html",
                title=absence.title,
                error=ServiceError(
                    absence.code, absence.message, hint=absence.hint, kind=Kind.UNAVAILABLE
                ),
                reference="",
                reload_after=3,
            )


class LostRouteHandler(AwayHandler):
    """Addresses of other parts; the proxy leads here while it restarts and knows no route yet."""

    async def prepare(self) -> None:
        """Answer, whatever the method."""
        self.say_absent(self.request.path, 503)
        await self.finish()
