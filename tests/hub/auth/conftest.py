from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import requests
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from tests.waiting import wait_for

HERE = Path(__file__).parent


@dataclass
class Account:
    """A GitHub account of the small GitHub."""

    id: int
    login: str
    name: str | None = None
    orgs: list[str] = field(default_factory=list)
    teams: list[str] = field(default_factory=list)


class SmallGitHub:
    """The endpoints that the authenticator uses, on a loopback port, with pages of two."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}  # by token
        self.codes: dict[str, str] = {}
        self.fail: tuple[int, dict[str, str], str] | None = None
        self.fail_path = ""
        self.next_url: str | None = None
        self.token_answer = ""
        self.asked: list[str] = []
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(10)

    def add(self, number: int, login: str, **more: Any) -> str:
        token = secrets.token_hex(8)
        self.accounts[token] = Account(number, login, **more)
        return token

    def code_for(self, token: str) -> str:
        code = secrets.token_hex(8)
        self.codes[code] = token
        return code

    def break_down(
        self, status: int, headers: dict[str, str] | None = None, body: str = "", path: str = ""
    ) -> None:
        self.fail, self.fail_path = (status, headers or {}, body), path

    def restore(self) -> None:
        self.accounts.clear()
        self.asked.clear()
        self.fail = self.next_url = None
        self.token_answer = ""

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)

        async def start() -> HTTPServer:
            sock, port = bind_unused_port()
            server = HTTPServer(
                Application(
                    [
                        (r"/login/oauth/access_token", _Token, {"github": self}),
                        (r"/api(/.*)", _Api, {"github": self}),
                    ]
                )
            )
            server.add_socket(sock)
            self.url = f"http://127.0.0.1:{port}"
            return server

        server = self._loop.run_until_complete(start())
        self._ready.set()
        self._loop.run_forever()
        server.stop()
        self._loop.run_until_complete(server.close_all_connections())
        self._loop.close()


class _Token(RequestHandler):
    def initialize(self, github: SmallGitHub) -> None:
        self.github = github

    def post(self) -> None:
        if self.github.token_answer:
            self.finish(self.github.token_answer)
            return
        token = self.github.codes.pop(self.get_argument("code", ""), None)
        if token is None:
            self.write({"error": "bad_verification_code", "error_description": "wrong code"})
            return
        self.write({"access_token": token, "token_type": "bearer", "scope": "read:org"})


class _Api(RequestHandler):
    def initialize(self, github: SmallGitHub) -> None:
        self.github = github

    def get(self, path: str) -> None:
        github = self.github
        github.asked.append(path)
        if github.fail and path.startswith(github.fail_path):
            status, headers, body = github.fail
            self.set_status(status)
            for name, value in headers.items():
                self.set_header(name, value)
            self.finish(body)
            return
        token = self.request.headers["Authorization"].removeprefix("Bearer ")
        account = github.accounts.get(token)
        if account is None:
            self.set_status(401)
            self.write({"message": "Bad credentials"})
        elif path == "/user":
            self.write(
                {"id": account.id, "login": account.login, "name": account.name, "email": None}
            )
        elif path == "/user/orgs":
            self._page([{"login": name} for name in account.orgs])
        elif path == "/user/teams":
            pairs = [team.split(":") for team in account.teams]
            self._page([{"slug": slug, "organization": {"login": org}} for org, slug in pairs])
        else:
            self.set_status(404)

    def _page(self, items: list[dict[str, Any]]) -> None:
        page = int(self.get_argument("page", "1"))
        if page * 2 < len(items):
            base = self.github.next_url or f"{self.github.url}{self.request.path}"
            last = (len(items) + 1) // 2
            self.set_header(
                "Link",
                f'<{base}?page={page + 1}>; rel="next", <{base}?page={last}>; rel="last"',
            )
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(items[(page - 1) * 2 : page * 2]))


@pytest.fixture(scope="module")
def github() -> Iterator[SmallGitHub]:
    small = SmallGitHub()
    yield small
    small.close()


class Hub:
    """A real hub process without a proxy; see ``hub_config.py``."""

    operator_token = "0" * 64

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        self.url = f"{self.origin}/nb/hub"
        self.api = f"{self.url}/api"
        self.config = config | {
            "port": self.port,
            "folder": str(folder),
            "operator_token": self.operator_token,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return (self.folder / "hub.log").read_text()

    def start(self) -> None:
        (self.folder / "config.json").write_text(json.dumps(self.config))
        environment = os.environ | {
            "FIRSTLIGHT_TEST_CONFIG": str(self.folder / "config.json"),
            "JUPYTERHUB_CRYPT_KEY": "ab" * 32,
            "PYTHONWARNINGS": "ignore",
        }
        with (self.folder / "hub.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "firstlight_hub", "-f", str(HERE / "hub_config.py")],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=environment,
            )
        self.wait_until(self._answers)

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def _answers(self) -> bool:
        assert self._process
        assert self._process.poll() is None, self.log
        try:
            return requests.get(f"{self.url}/health", timeout=5).ok
        except requests.ConnectionError:
            return False

    def wait_until(self, condition: Callable[[], bool]) -> None:
        wait_for(condition, what="the hub")

    def call(self, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
        return requests.request(
            method,
            f"{self.api}{path}",
            json=body,
            headers={"Authorization": f"token {token or self.operator_token}"},
            timeout=30,
        )

    @contextmanager
    def browser(self) -> Iterator[requests.Session]:
        with requests.Session() as session:
            session.headers["User-Agent"] = "test"
            yield session

    def log_in_with_github(
        self, session: requests.Session, code: str, next_url: str = ""
    ) -> requests.Response:
        """Go through the hub's OAuth pages as a browser; GitHub's own page is skipped."""
        query = f"?{urlencode({'next': next_url})}" if next_url else ""
        away = session.get(f"{self.url}/oauth_login{query}", allow_redirects=False, timeout=30)
        state = dict(
            pair.split("=", 1) for pair in urlsplit(away.headers["Location"]).query.split("&")
        )["state"]
        return session.get(
            f"{self.url}/oauth_callback?code={code}&state={state}",
            allow_redirects=False,
            timeout=30,
        )

    def who_is(self, session: requests.Session) -> str | None:
        answer = session.get(f"{self.url}/home", allow_redirects=False, timeout=30)
        if answer.status_code != 200:
            return None
        found = re.search(r'<span class="fl-name">([^<]+)</span>', answer.text)
        return found[1] if found else None


@pytest.fixture(scope="module")
def start_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Hub]]:
    """Start hubs that live as long as the module's tests."""
    with ExitStack() as stack:

        def start(**config: Any) -> Hub:
            hub = Hub(tmp_path_factory.mktemp("hub"), config)
            stack.callback(hub.stop)
            hub.start()
            return hub

        yield start
