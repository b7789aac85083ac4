"""Clients that do not read a lab's output: they are closed, and the lab's memory is bounded.

The server is a lab's, with the settings of labs, without a hub; `tests/hub/test_proxy.py` has the
same clients at the proxy.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import requests
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from firstlight_lab.backlog import LAB_LIMIT, OFFLINE_LIMIT
from firstlight_lab.env import lab_environment
from tests.lab_client import Kernel
from tests.platform_under_test import free_port, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(280)]

FROZEN = 20
MEBIBYTE = 1024**2

#: 40 MB, in messages whose bytes no rate limit of Jupyter Server counts, and slowly enough for a
#: server on a busy machine: what it has not taken from the kernel yet is not bounded.
OUTPUT = (
    "import time\n"
    "from IPython.display import display\n"
    "for _ in range(200):\n"
    "    display({'text/plain': 'x' * 200_000}, raw=True)\n"
    "    time.sleep(0.1)\n"
)


@dataclass(frozen=True)
class Lab:
    """A lab's server, and what can be asked of it."""

    port: int
    pid: int
    log: Path
    headers: dict[str, str]

    def call(self, method: str, path: str, **more: Any) -> Any:
        url = f"http://127.0.0.1:{self.port}/api{path}"
        answer = requests.request(method, url, headers=self.headers, timeout=60, **more)
        return answer.json() if answer.content else None

    def websockets(self, kernel: str) -> int:
        """Return how many websockets a kernel has."""
        return int(self.call("GET", f"/kernels/{kernel}")["connections"])

    def memory(self, field: str = "VmHWM") -> int:
        """Return how many bytes the server has, or had at most."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(rf"{field}:\s+(\d+)", status)
        assert found
        return int(found[1]) * 1024

    def freeze(self, path: str) -> socket.socket:
        """Open a websocket that nobody reads."""
        client = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        client.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Authorization: {self.headers['Authorization']}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        return client

    @contextmanager
    def connected(self, kernel: str) -> Iterator[Kernel]:
        """Connect a client that reads."""
        url = f"ws://127.0.0.1:{self.port}/api/kernels/{kernel}/channels?session_id=reader"
        with asyncio.Runner() as runner:
            request = HTTPRequest(url, headers=self.headers)
            connection = runner.run(_connect(request))
            yield Kernel(connection, runner)
            runner.run(_close(connection))


async def _connect(request: HTTPRequest) -> Any:
    return await asyncio.wait_for(websocket_connect(request, max_message_size=2**26), 60)


async def _close(connection: Any) -> None:
    connection.close()
    await asyncio.sleep(0.1)


@pytest.fixture(scope="module")
def server(labs_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("home")
    port, log = free_port(), home / "server.log"
    with ExitStack() as stack:
        # A socket's path has at most 107 bytes, and pytest's folders are deep.
        runtime = stack.enter_context(TemporaryDirectory(prefix="fl-", dir="/tmp"))
        output = stack.enter_context(log.open("wb"))
        process = subprocess.Popen(
            [
                *(labs_python, "-m", "jupyter_server", f"--ServerApp.port={port}"),
                *("--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=secret"),
                *("--ServerApp.open_browser=False", "--allow-root", "--ServerApp.port_retries=0"),
            ],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(home),
                "JUPYTER_RUNTIME_DIR": runtime,
                **lab_environment(),
            },
            cwd=home,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
        )
        stack.callback(process.wait, 30)
        stack.callback(process.terminate)
        lab = Lab(port, process.pid, log, {"Authorization": "token secret"})

        def answers() -> bool:
            assert process.poll() is None, log.read_text()
            try:
                return "version" in lab.call("GET", "")
            except requests.ConnectionError:
                return False

        wait_for(answers, seconds=90, what="the lab's server")
        yield lab


@pytest.fixture
def kernel(server: Lab) -> Iterator[str]:
    made = server.call("POST", "/kernels", json={})["id"]
    with server.connected(made) as reader:
        reader.run("pass")
    wait_for(lambda: server.websockets(made) == 0, what="the first client to leave")
    yield made
    server.call("DELETE", f"/kernels/{made}")


def test_clients_that_do_not_read_output_cost_a_bounded_amount_of_memory(
    server: Lab, kernel: str
) -> None:
    before = server.memory()
    with ExitStack() as stack:
        for number in range(FROZEN):
            path = f"/api/kernels/{kernel}/channels?session_id=frozen{number}"
            stack.enter_context(server.freeze(path))
        wait_for(lambda: server.websockets(kernel) == FROZEN, what="all websockets")
        with server.connected(kernel) as reader:
            reader.run(OUTPUT, seconds=180)
            closed = "A client does not read a kernel's output"
            assert server.log.read_text().count(closed) == FROZEN
            wait_for(lambda: server.websockets(kernel) == 1, seconds=60, what="them to be closed")
            # The client that reads is not disturbed.
            assert reader.run("print(6 * 7)") == "42\n"
    # Half of what it would be if all of it waited for each of them.
    assert server.memory() < before + FROZEN * 40_000_000 / 2


def test_a_frozen_client_is_closed_even_without_output(server: Lab, kernel: str) -> None:
    with server.freeze(f"/api/kernels/{kernel}/channels?session_id=quiet"):
        wait_for(lambda: server.websockets(kernel) == 1, what="the websocket")
        wait_for(lambda: server.websockets(kernel) == 0, seconds=150, what="the ping's time-out")


def test_output_that_nobody_waits_for_is_bounded_and_its_end_arrives(
    server: Lab, kernel: str
) -> None:
    before = server.memory()
    indented = OUTPUT.replace("\n", "\n    ")
    with server.connected(kernel) as reader:
        reader.run(f"import threading\ndef show():\n    {indented}\n    print('at the end')\n")
        reader.run("task = threading.Timer(2, show); task.start()")
    done = Path(f"/proc/{server.pid}/cwd") / "done"
    with server.connected(kernel) as reader:
        reader.run(f"task.join(); open('{done.name}', 'w').close()", seconds=120)
    assert done.exists()
    assert server.memory() < before + OFFLINE_LIMIT + 100 * MEBIBYTE


def test_a_terminal_that_is_not_read_is_closed(server: Lab) -> None:
    name = server.call("POST", "/terminals", json={})["name"]
    before = server.memory()
    with server.freeze(f"/terminals/websocket/{name}") as client:
        command = b'["stdin", "yes xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx | head -c 300000000\\r"]'
        assert len(command) < 126
        client.sendall(bytes([0x81, 0x80 | len(command), 0, 0, 0, 0]) + command)
        closed = "A client does not read a terminal's output"
        wait_for(lambda: closed in server.log.read_text(), seconds=120, what="the terminal")
    assert server.memory() < before + LAB_LIMIT + 100 * MEBIBYTE
    server.call("DELETE", f"/terminals/{name}")
