"""What the hub serves for its pages: static files and the public state."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

from jupyterhub import orm
from jupyterhub.handlers import BaseHandler
from jupyterhub.utils import utcnow
from sqlalchemy.orm import Session
from tornado.web import HTTPError, RequestHandler, StaticFileHandler

from firstlight_common.assets import STATIC, TEMPLATES
from firstlight_hub.pages import start
from firstlight_hub.pages.site import disk_is_full
from firstlight_hub.protocols import HubUser, Route

__all__ = [
    "HealthHandler",
    "MeHandler",
    "StateHandler",
    "StaticHandler",
    "handlers",
    "template_paths",
]

_HERE = Path(__file__).parent
_ACTIVE = timedelta(minutes=30)
_VERSION = version("firstlight-hub")

type State = dict[str, int | bool | str]


def template_paths() -> list[str]:
    """Return the directories for ``c.JupyterHub.template_paths``."""
    return [str(_HERE / "templates"), str(TEMPLATES)]


def handlers(state_dir: Path) -> list[Route]:
    """Return the routes for ``c.PeopleAuthenticator.page_handlers``."""
    return [
        *start.handlers(),
        (r"/firstlight/state", StateHandler, {"state_dir": state_dir}),
        (r"/firstlight/me", MeHandler),
        (r"/firstlight/health", HealthHandler),
        (r"/firstlight-static/hub/(.*)", StaticHandler, {"path": str(_HERE / "static")}),
        (r"/firstlight-static/(.*)", StaticHandler, {"path": str(STATIC)}),
    ]


class StateHandler(RequestHandler):
    """``GET /nb/hub/firstlight/state``: how busy the hub is, for the landing page.

    It is public, so it names nobody, reads no cookie, and counts at most once a second.

    Notes
    -----
    This is a plain tornado handler, because JupyterHub's base class would refresh a login.
    """

    _seconds: ClassVar[float] = 1.0
    _answer: ClassVar[tuple[float, State] | None] = None

    def initialize(self, state_dir: Path) -> None:
        """Receive the directory whose disk the hub writes to."""
        self._state_dir = state_dir

    def set_default_headers(self) -> None:
        """Set the headers of a public JSON answer."""
        self.set_header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")

    async def get(self) -> None:
        """Answer with the counts, which are cached for a second."""
        now = time.monotonic()
        cached = StateHandler._answer
        if cached is None or now - cached[0] > self._seconds:
            full = await asyncio.to_thread(disk_is_full, self._state_dir)
            cached = (now, self._count(full))
            StateHandler._answer = cached
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.write(json.dumps(cached[1]))

    def _count(self, full: bool) -> State:
        db: Session = self.settings["db"]
        labs = db.query(orm.Spawner).filter(orm.Spawner.server_id.is_not(None)).count()
        # JupyterHub stores times without a zone, in UTC.
        since = utcnow(with_tz=False) - _ACTIVE
        people = db.query(orm.User).filter(orm.User.last_activity > since).count()
        return {
            "labs_running": labs,
            "people_active": people,
            "hub": "up",
            "disk_full": full,
            "version": _VERSION,
        }


class MeHandler(BaseHandler):
    """``GET /nb/hub/firstlight/me``: the name of whoever this browser is logged in as, or null.

    For pages outside ``/nb/hub/``, for which browsers do not send the hub's cookie.
    """

    _accept_token_auth = False

    def set_default_headers(self) -> None:
        """Restrict the answer to this browser and to pages of this site."""
        super().set_default_headers()
        self.set_header("Cache-Control", "private, no-store")
        self.set_header("Vary", "Cookie")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
        self.set_header("X-Content-Type-Options", "nosniff")

    def get(self) -> None:
        """Answer with the name, or with null instead of a redirect to the login."""
        user: HubUser | None = self.current_user
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.write(json.dumps({"name": user.name if user else None}))


class HealthHandler(BaseHandler):
    """``GET /nb/hub/firstlight/health``: whether the hub can render the page that comes first.

    Notes
    -----
    JupyterHub's own ``/hub/health`` answers whenever the process runs: also if it was installed
    without its templates, so that every page was an empty error.
    """

    _accept_cookie_auth = False
    _accept_token_auth = False

    @property
    def xsrf_token(self) -> bytes:
        """No key for forms: a new one would be set as a cookie, and replace that of open pages."""
        return b""

    async def get(self) -> None:
        """Answer 200 if the login page can be rendered, else 500."""
        page: str = await self.render_template("login.html")
        if not page:
            raise HTTPError(500)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        # JupyterHub's `finish` returns nothing that could be awaited.
        self.write("ok\n")


class StaticHandler(StaticFileHandler):
    """The stylesheet and images, served here because hub pages must not need the portal."""

    def set_extra_headers(self, path: str) -> None:  # noqa: ARG002
        """Let browsers cache files and revalidate them."""
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
