"""A real lab without a platform: its specification, start, server and kernels; only the hub is fake.

It starts in seconds, so that tests can start it again and again with something else in its home.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
from tornado.httpclient import HTTPRequest

from firstlight_hub.components.builtin import FORKS
from firstlight_hub.settings.model import Labs, LabSize
from firstlight_hub.spawner import fork_server as server_program
from firstlight_hub.spawner import machine, processes
from firstlight_hub.spawner.assembly import LabRequest, LabSite, assemble
from firstlight_hub.spawner.choices import Choices
from firstlight_hub.spawner.homes import ensure_home
from firstlight_hub.spawner.models import LabInstallation
from firstlight_hub.spawner.policy import Isolation
from firstlight_hub.spawner.start_parent import ForkError, LabProcess, fork_process, start_process
from tests.lab_client import Kernel, close_kernel, connect_kernel
from tests.platform_under_test import free_port, wait_for
from tests.runtimes import runtime_of

__all__ = ["PERSON", "TOKEN", "Lab", "fake_hub", "fork_server"]

PERSON, TOKEN = "vera", "a-token-for-tests"
ACCESS = f"access:servers!server={PERSON}/"
OWNER = (123_456, 123_456) if os.geteuid() == 0 else (os.geteuid(), os.getegid())


class _Hub(BaseHTTPRequestHandler):
    """Answers the questions that a single-user server asks its hub."""

    def do_GET(self) -> None:
        user = {"kind": "user", "name": PERSON, "admin": False, "groups": []}
        user["scopes"] = [ACCESS]
        self._answer(user if self.path.endswith("/user") else {"version": "6.1.1"})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer({})

    def _answer(self, document: Mapping[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-JupyterHub-Version", "6.1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the tests' output short."""


@contextmanager
def fake_hub() -> Iterator[str]:
    """Yield the address of a hub that accepts every token."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _forks(server: Path, log: Path) -> bool:
    """Return whether a process can be forked; it ends, as nothing tells it what to become."""
    try:
        fork_process(server, log).give_up()
    except ForkError:
        return False
    return True


@contextmanager
def fork_server(folder: Path, python: Path) -> Iterator[Path]:
    """Run the process that labs are forked from, and yield its socket."""
    path = folder / "forks" / "socket"
    server = subprocess.Popen(
        [python, server_program.__file__, path, "firstlight_lab.preload"],
        env={"PATH": "/usr/bin:/bin", **FORKS.environment, "HOME": str(folder)},
    )
    try:
        wait_for(lambda: _forks(path, folder / "trial.log"), what="the fork server's imports")
        yield path
    finally:
        server.kill()
        server.wait()


@dataclass
class Lab:
    """One person's lab, which can be stopped and started again."""

    state_dir: Path
    tutorials_dir: Path
    hub: str
    installation: LabInstallation
    size: LabSize = field(default_factory=lambda: Labs().sizes[0])
    forks: Path | None = None
    port: int = 0
    own_network: bool = True
    process: LabProcess | None = None

    @property
    def home(self) -> Path:
        """The home, from outside."""
        return self.state_dir / "homes" / PERSON

    @property
    def url(self) -> str:
        """Where the server answers, with a slash at the end."""
        return f"http://127.0.0.1:{self.port}/user/{PERSON}/"

    @property
    def log(self) -> str:
        """What the lab wrote since it started."""
        return (self.state_dir / "lab.log").read_text(errors="replace")

    def start(self, choices: Choices | None = None) -> None:
        """Start the lab, and return when its server answers."""
        self.state_dir.mkdir(exist_ok=True)
        can = machine.probe()
        ensure_home(self.state_dir / "homes", PERSON, OWNER)
        self.port = free_port()
        tutorials = self.tutorials_dir
        site = LabSite(
            state_dir=self.state_dir,
            tutorials_dir=tutorials,
            runtime=runtime_of(),
            installation=self.installation,
            closed=machine.closed_directories((*self.installation.paths, tutorials)),
            home_of_operator=Path.home(),
            passwd=Path("/etc/passwd").read_text(),
            group=Path("/etc/group").read_text(),
        )
        request = LabRequest(
            user=PERSON,
            owner=OWNER,
            size=self.size,
            token=TOKEN,
            hub_variables=self._hub_variables(),
            inherited=dict(os.environ),
            choices=choices or Choices(),
            port=self.port,
        )
        isolation = Isolation(
            can.accounts, can.namespaces, frozenset(), network=can.network and self.own_network
        )
        log = self.state_dir / "lab.log"
        self.process = fork_process(self.forks, log) if self.forks else start_process(log)
        asyncio.run(self.process.become(assemble(site, isolation, request)))
        wait_for(self.answers, seconds=120, what="the lab's server")

    def answers(self) -> bool:
        """Return whether the server answers; fail if it has ended."""
        assert self.process is not None
        assert self.process.ended() is None, self.log
        try:
            return requests.get(self.url + "api", timeout=5).ok
        except requests.ConnectionError:
            return False

    def stop(self) -> None:
        """End the lab and everything in it."""
        if self.process is not None:
            processes.kill(processes.family(self.process.pid, ()))
            wait_for(lambda: self.process is None or self.process.ended() is not None)
            self.process.wait_for_log(60)
            self.process = None

    def get(self, path: str) -> requests.Response:
        """GET a path of the server."""
        return requests.get(
            self.url + path, headers={"Authorization": f"token {TOKEN}"}, timeout=60
        )

    def put(self, path: str, body: Mapping[str, Any]) -> requests.Response:
        """PUT a document to a path of the server."""
        headers = {"Authorization": f"token {TOKEN}"}
        return requests.put(self.url + path, json=body, headers=headers, timeout=60)

    @contextmanager
    def kernel(self, name: str | None = None) -> Iterator[Kernel]:
        """Start a kernel; it ends with the block."""
        headers = {"Authorization": f"token {TOKEN}"}
        body = {} if name is None else {"name": name}
        answer = requests.post(self.url + "api/kernels", headers=headers, json=body, timeout=60)
        assert answer.status_code == 201, answer.text + self.log
        number = answer.json()["id"]
        url = f"{self.url.replace('http:', 'ws:')}api/kernels/{number}/channels?session_id=test"
        with asyncio.Runner() as runner:
            connection = runner.run(connect_kernel(HTTPRequest(url, headers=headers)))
            try:
                yield Kernel(connection, runner)
            finally:
                runner.run(close_kernel(connection))
                requests.delete(f"{self.url}api/kernels/{number}", headers=headers, timeout=30)

    def _hub_variables(self) -> dict[str, str]:
        return {
            "JUPYTERHUB_ALLOW_TOKEN_IN_URL": "1",
            "JUPYTERHUB_API_TOKEN": TOKEN,
            "JPY_API_TOKEN": TOKEN,
            "JUPYTERHUB_API_URL": f"{self.hub}/hub/api",
            "JUPYTERHUB_ACTIVITY_URL": f"{self.hub}/hub/api/users/{PERSON}/activity",
            "JUPYTERHUB_BASE_URL": "/",
            "JUPYTERHUB_CLIENT_ID": f"jupyterhub-user-{PERSON}",
            "JUPYTERHUB_DISABLE_USER_CONFIG": "1",
            "JUPYTERHUB_HOST": "",
            "JUPYTERHUB_OAUTH_CALLBACK_URL": f"/user/{PERSON}/oauth_callback",
            "JUPYTERHUB_OAUTH_ACCESS_SCOPES": json.dumps([ACCESS]),
            "JUPYTERHUB_OAUTH_SCOPES": json.dumps([ACCESS]),
            "JUPYTERHUB_SERVER_NAME": "",
            "JUPYTERHUB_SERVICE_PREFIX": f"/user/{PERSON}/",
            "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{self.port}/user/{PERSON}/",
            "JUPYTERHUB_USER": PERSON,
            "CPU_LIMIT": "0.5",
        }
