"""A small hub to test services against, over real HTTP; shipped next to its client."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from hashlib import sha256
from urllib.parse import parse_qs

from pydantic import JsonValue
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from firstlight_common import paths

__all__ = ["FakeHub", "serving"]


class FakeHub:
    """Answers as JupyterHub does to services: ``/user``, OAuth, the public state.

    Attributes
    ----------
    asked
        How often it was asked for the owner of a token.
    unavailable
        While true, every answer is a 503.
    disk_full
        While true, it refuses every token, as JupyterHub does when it cannot write.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.unavailable = False
        self.disk_full = False
        self.url = ""
        self._tokens: dict[str, dict[str, JsonValue]] = {}
        self._codes: dict[str, tuple[str, str]] = {}

    @property
    def api_url(self) -> str:
        """The address of its API."""
        return f"{self.url}{paths.HUB}hub/api"

    def add_token(
        self,
        token: str,
        name: str,
        *,
        scopes: Iterable[str] = (),
        groups: Iterable[str] = (),
        kind: str = "user",
    ) -> None:
        """Make a token valid."""
        self._tokens[token] = {
            "kind": kind,
            "name": name,
            "groups": list(groups),
            "scopes": list(scopes),
        }

    def revoke(self, token: str) -> None:
        """Make a token invalid."""
        self._tokens.pop(token, None)

    def grant_code(self, code: str, token: str, challenge: str) -> None:
        """Accept the OAuth code once, in exchange for the token; PKCE's challenge is checked."""
        self._codes[code] = (token, challenge)

    def app(self) -> Application:
        """Return the web application."""
        hub = self

        class Base(RequestHandler):
            def prepare(self) -> None:
                if hub.unavailable:
                    self.send_error(503)

        class User(Base):
            def get(self) -> None:
                hub.asked += 1
                token = self.request.headers.get("Authorization", "").removeprefix("token ")
                if token not in hub._tokens or hub.disk_full:
                    self.send_error(403)
                else:
                    self.write(json.dumps(hub._tokens[token]))

        class Token(Base):
            def post(self) -> None:
                form = {k: v[0] for k, v in parse_qs(self.request.body.decode()).items()}
                token, challenge = hub._codes.pop(form.get("code", ""), ("", ""))
                digest = sha256(form.get("code_verifier", "").encode()).digest()
                proof = urlsafe_b64encode(digest).decode().rstrip("=")
                if not token or proof != challenge:
                    self.set_status(400)
                    self.write({"error": "invalid_grant"})
                else:
                    self.write({"access_token": token, "token_type": "Bearer"})

        class State(Base):
            def get(self) -> None:
                counts = {"labs_running": 3, "people_active": 2}
                self.write({**counts, "hub": "up", "disk_full": hub.disk_full})

        return Application(
            [
                (f"{paths.HUB}hub/api/user", User),
                (f"{paths.HUB}hub/api/oauth2/token", Token),
                (f"{paths.HUB}hub/firstlight/state", State),
            ],
            log_function=lambda _: None,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FakeHub]:
        """Serve on a free port on loopback."""
        async with serving(self.app()) as url:
            self.url = url
            yield self


@asynccontextmanager
async def serving(app: Application, port: int | None = None) -> AsyncIterator[str]:
    """Serve an application on loopback; the value is its address, without a slash at the end."""
    server = HTTPServer(app)
    if port is None:
        socket, port = bind_unused_port()
        server.add_socket(socket)
    else:
        server.listen(port, "127.0.0.1")
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()
        await server.close_all_connections()
