"""The application of the pretend GitHub."""

from __future__ import annotations

import asyncio
import secrets
import signal
from pathlib import Path

from tornado.web import Application

from firstlight_demo import CLIENT_ID
from firstlight_demo.api import ApiHandler
from firstlight_demo.control import ControlHandler
from firstlight_demo.faults import Faults
from firstlight_demo.oauth import OAuth
from firstlight_demo.people import People
from firstlight_demo.web import AuthorizeHandler, IndexHandler, TokenHandler

__all__ = ["PREFIX", "make_app", "serve"]

PREFIX = "/demo-github"
"""The path below which the pretend GitHub is served."""


def make_app(callback: str, secret: str) -> Application:
    """Return the application.

    Parameters
    ----------
    callback
        Address to which people return: the hub's ``oauth_callback``.
    secret
        The OAuth application's client secret, which also gives access to ``/_control``.
    """
    people, faults = People(), Faults()
    oauth = OAuth(CLIENT_ID, secret, callback)
    shared: dict[str, People | OAuth] = {"people": people, "oauth": oauth}
    return Application(
        [
            (f"{PREFIX}/?", IndexHandler, shared),
            (f"{PREFIX}/login/oauth/authorize", AuthorizeHandler, shared),
            (f"{PREFIX}/login/oauth/access_token", TokenHandler, {"oauth": oauth}),
            (f"{PREFIX}/api(/.*)", ApiHandler, {**shared, "faults": faults}),
            (f"{PREFIX}/_control", ControlHandler, {**shared, "faults": faults, "secret": secret}),
        ],
        template_path=str(Path(__file__).parent / "templates"),
        xsrf_cookies=True,
        xsrf_cookie_kwargs={"path": PREFIX, "httponly": True, "samesite": "Lax"},
        xsrf_cookie_name="demo_github_xsrf",
        cookie_secret=secrets.token_hex(32),
    )


def serve(port: int, callback: str, secret: str) -> None:
    """Serve on loopback until SIGTERM."""

    async def run() -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        server = make_app(callback, secret).listen(port, "127.0.0.1", xheaders=True)
        await stopping.wait()
        server.stop()
        await server.close_all_connections()

    asyncio.run(run())
