"""What the hub serves for the pages: static files and the public state."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

from jupyterhub import orm
from jupyterhub.handlers import BaseHandler
from jupyterhub.utils import utcnow
from tornado.web import RequestHandler, StaticFileHandler

from firstlight_common.assets import STATIC
from firstlight_hub.pages.site import disk_is_full

__all__ = ["MeHandler", "StateHandler", "StaticHandler", "handlers", "template_paths"]

_HERE = Path(__file__).parent
_ACTIVE = timedelta(minutes=30)


def template_paths() -> list[str]:
    """Return the folders for ``c.JupyterHub.template_paths``."""
    return [str(_HERE / "templates")]


def handlers(state_dir: Path) -> list[tuple[Any, ...]]:
    """Return the routes for ``c.JupyterHub.extra_handlers``; the hub adds its prefix."""
    return [
        (r"/firstlight/state", StateHandler, {"state_dir": state_dir}),
        (r"/firstlight/me", MeHandler),
        (r"/firstlight-static/hub/(.*)", StaticHandler, {"path": str(_HERE / "static")}),
        (r"/firstlight-static/(.*)", StaticHandler, {"path": str(STATIC)}),
    ]


class StateHandler(RequestHandler):
    """``GET /nb/hub/firstlight/state``: how busy the hub is, for the landing page.

    Open to all, so it names nobody, reads no cookie, and costs at most two counts a second.

    Notes
    -----
    A plain tornado handler: JupyterHub's base class would look for a login and refresh it.
    """

    _seconds: ClassVar[float] = 1.0
    _answer: ClassVar[tuple[float, dict[str, object]] | None] = None

    def initialize(self, state_dir: Path) -> None:
        """Take the folder whose disk the hub writes to."""
        self._state_dir = state_dir

    def set_default_headers(self) -> None:
        """Set the headers of a public JSON answer."""
        self.set_header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")

    def get(self) -> None:
        """Answer with the counts."""
        now = time.monotonic()
        remembered = StateHandler._answer
        if remembered is None or now - remembered[0] > self._seconds:
            remembered = (now, self._count())
            StateHandler._answer = remembered
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.write(json.dumps(remembered[1]))

    def _count(self) -> dict[str, object]:
        db = self.settings["db"]
        labs = db.query(orm.Spawner).filter(orm.Spawner.server_id.is_not(None)).count()
        # JupyterHub stores times without a zone, in UTC.
        since = utcnow(with_tz=False) - _ACTIVE
        people = db.query(orm.User).filter(orm.User.last_activity > since).count()
        return {
            "labs_running": labs,
            "people_active": people,
            "hub": "up",
            "disk_full": disk_is_full(self._state_dir),
            "version": version("firstlight-hub"),
        }


class MeHandler(BaseHandler):
    """``GET /nb/hub/firstlight/me``: the name of whoever this browser is logged in as, or null.

    For pages outside of ``/nb/hub/``, where browsers do not send the hub's cookie.
    """

    _accept_token_auth = False

    def set_default_headers(self) -> None:
        """Keep the answer to this browser and to pages of this site."""
        super().set_default_headers()
        self.set_header("Cache-Control", "private, no-store")
        self.set_header("Vary", "Cookie")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
        self.set_header("X-Content-Type-Options", "nosniff")

    def get(self) -> None:
        """Answer; who is not logged in is told so, and not sent to log in."""
        user = self.current_user
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.write(json.dumps({"name": user.name if user else None}))


class StaticHandler(StaticFileHandler):
    """The stylesheet and pictures; served here because hub pages must not need the portal."""

    def set_extra_headers(self, path: str) -> None:  # noqa: ARG002
        """Let browsers keep files and ask whether they changed."""
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
