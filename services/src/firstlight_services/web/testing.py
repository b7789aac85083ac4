"""A small hub to test services against, over real HTTP; shipped beside the code that asks it."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from firstlight_services.web.context import Runtime, ServiceContext, ServiceSettings

__all__ = ["FakeHub", "fetch", "make_context", "serving"]


class FakeHub:
    """Answers as JupyterHub does where services ask it: ``/user``, OAuth, the public state.

    Attributes
    ----------
    asked
        How often it was asked whose token one is.
    away
        While true, every answer is a 503.
    disk_full
        While true, it knows nobody, as JupyterHub when it cannot write.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.away = False
        self.disk_full = False
        self.url = ""
        self._tokens: dict[str, dict[str, Any]] = {}
        self._codes: dict[str, tuple[str, str]] = {}

    @property
    def api_url(self) -> str:
        """Address of its API."""
        return f"{self.url}/nb/hub/api"

    def let_in(
        self,
        token: str,
        name: str,
        *,
        scopes: Iterable[str] = (),
        groups: Iterable[str] = (),
        kind: str = "user",
    ) -> None:
        """Make a token known."""
        self._tokens[token] = {
            "kind": kind,
            "name": name,
            "groups": list(groups),
            "scopes": list(scopes),
        }

    def revoke(self, token: str) -> None:
        """Forget a token."""
        self._tokens.pop(token, None)

    def grant_code(self, code: str, token: str, challenge: str) -> None:
        """Let the OAuth code be exchanged, once, for the token; PKCE's challenge is checked."""
        self._codes[code] = (token, challenge)

    def app(self) -> Application:
        """Return its web application."""
        hub = self

        class Base(RequestHandler):
            def prepare(self) -> None:
                if hub.away:
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
                (r"/nb/hub/api/user", User),
                (r"/nb/hub/api/oauth2/token", Token),
                (r"/nb/hub/firstlight/state", State),
            ],
            log_function=lambda _: None,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FakeHub]:
        """Serve on a free port of loopback."""
        async with serving(self.app()) as url:
            self.url = url
            yield self


@asynccontextmanager
async def serving(app: Application, port: int | None = None) -> AsyncIterator[str]:
    """Serve an application on loopback; the value is its address without a slash at the end."""
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


def make_context(
    state_dir: Path,
    name: str,
    hub: FakeHub,
    *,
    settings: dict[str, Any] | None = None,
    ports: dict[str, int] | None = None,
    public_url: str = "http://127.0.0.1:8000",
) -> ServiceContext:
    """Return the context of a service under test."""
    prefix = "/portal/" if name == "portal" else f"/api/{name}/"
    runtime = Runtime(state_dir=state_dir, public_url=public_url, ports=ports or {})
    return ServiceContext(
        name=name,
        prefix=prefix,
        state_dir=state_dir,
        public_url=public_url,
        port=0,
        settings=ServiceSettings.model_validate(settings or {}),
        runtime=runtime,
        version="0.0",
        hub_api_url=hub.api_url,
        hub_base_url="/nb/",
        hub_token="the-services-own-secret",  # noqa: S106
    )


async def fetch(
    url: str,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    form: dict[str, str] | None = None,
    follow: bool = False,
) -> HTTPResponse:
    """Ask, and return the answer whatever its status."""
    client = AsyncHTTPClient(force_instance=True)
    try:
        return await client.fetch(
            HTTPRequest(
                url,
                method=method,
                headers=headers,
                body=urlencode(form) if form is not None else None,
                follow_redirects=follow,
            ),
            raise_error=False,
        )
    finally:
        client.close()
