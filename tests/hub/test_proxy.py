"""The public proxy, with clients that vanish, freeze or never were: nothing stays open.

``FIRSTLIGHT_CLIENTS=2000`` makes the number of clients that of a large site.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from tornado.websocket import websocket_connect

from tests.platform_under_test import free_port, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(280)]

CLIENTS = int(os.environ.get("FIRSTLIGHT_CLIENTS", "150"))
PATIENCE = max(4.0, CLIENTS / 20)
"""Seconds after which something quiet is closed: in these all clients can connect."""

PROXY = Path(__file__).resolve().parents[2] / "hub" / "proxy" / "proxy.mjs"

#: Writes to each client without end, as a lab does while a cell prints.
LAB = """
import asyncio, sys
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

class Flood(WebSocketHandler):
    async def open(self):
        try:
            while True:
                await self.write_message("x" * 65536)
                await asyncio.sleep(0.05)
        except Exception:
            pass

class Download(RequestHandler):
    async def get(self):
        try:
            while True:
                self.write(b"x" * 65536)
                await self.flush()
                await asyncio.sleep(0.05)
        except Exception:
            pass

class Echo(WebSocketHandler):
    def on_message(self, message):
        self.write_message(message)

class Never(RequestHandler):
    async def get(self):
        await asyncio.sleep(600)

async def main():
    routes = [("/flood", Flood), ("/download", Download), ("/echo", Echo), ("/never", Never)]
    ping = float(sys.argv[2])
    application = Application(routes, websocket_ping_interval=ping, websocket_ping_timeout=ping)
    application.listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.sleep(600)

asyncio.run(main())
"""

#: Makes the proxy say, at a signal, what it holds after a garbage collection.
SCALES = """
import fs from "node:fs";
process.on("SIGUSR2", () => {
  for (let i = 0; i < 3; i++) gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  fs.writeFileSync("new", JSON.stringify({ heapUsed, arrayBuffers }));
  fs.renameSync("new", "memory.json");
});
"""

UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)


@dataclass(frozen=True)
class Proxy:
    port: int
    pid: int
    log: Path

    @property
    def open(self) -> int:
        """How many descriptors the proxy has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    @property
    def megabytes(self) -> float:
        line = next(
            line
            for line in Path(f"/proc/{self.pid}/status").read_text().splitlines()
            if line.startswith("VmRSS")
        )
        return int(line.split()[1]) / 1024

    def weigh(self) -> tuple[int, int]:
        """Return the bytes of objects and of buffers that a garbage collection leaves."""
        answer = self.log.parent / "memory.json"
        answer.unlink(missing_ok=True)
        os.kill(self.pid, signal.SIGUSR2)
        wait_for(answer.exists, what="the proxy's memory")
        told = json.loads(answer.read_text())
        return int(told["heapUsed"]), int(told["arrayBuffers"])

    def ask(self, path: str) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        upgrade = "" if path in {"/download", "/never"} else UPGRADE
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n".encode())
        return client


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    """Run a proxy and a lab that wait for their clients."""
    with running(tmp_path, ping=0, quiet=600) as made:
        yield made


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Proxy]:
    """Run a proxy and a lab that close what is quiet, once all clients can have connected."""
    with running(tmp_path, ping=PATIENCE / 4, quiet=PATIENCE) as made:
        yield made


@pytest.fixture
def weighed(tmp_path: Path) -> Iterator[Proxy]:
    """Run a proxy whose memory can be weighed, and which waits long for clients to read."""
    (tmp_path / "scales.mjs").write_text(SCALES)
    flags = ["--expose-gc", "--import", str(tmp_path / "scales.mjs")]
    with running(tmp_path, ping=0, quiet=600, node=flags, more=["--last-words", "600000"]) as made:
        yield made


@contextmanager
def running(
    tmp_path: Path, *, ping: float, quiet: float, node: Sequence[str] = (), more: Sequence[str] = ()
) -> Iterator[Proxy]:
    port, api, lab = free_port(), free_port(), free_port()
    command = ["node", *node, str(PROXY), "--ip", "127.0.0.1", "--port", str(port), *more]
    command += ["--api-port", str(api), "--default-target", f"http://127.0.0.1:{lab}"]
    milliseconds = str(round(1000 * quiet))
    command += ["--timeout", milliseconds, "--websocket-timeout", milliseconds]
    command += ["--log-level", "warn"]
    with ExitStack() as stack:
        log = stack.enter_context((tmp_path / "proxy.log").open("wb"))
        processes = []
        for program in ([sys.executable, "-c", LAB, str(lab), str(ping)], command):
            process = subprocess.Popen(program, stdout=log, stderr=log, cwd=tmp_path)
            stack.callback(process.wait, 20)
            stack.callback(process.kill)
            processes.append(process)
        made = Proxy(port, processes[1].pid, tmp_path / "proxy.log")
        wait_for(lambda: _answers(port), what="the proxy and the lab")
        yield made


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/nowhere", timeout=5).status_code == 404
    except requests.RequestException:
        return False


def reset(client: socket.socket) -> None:
    """Leave as a killed process does that had unread data: with a reset."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def comes_back(proxy: Proxy, before: int) -> None:
    wait_for(lambda: proxy.open <= before + 2, seconds=60 + PATIENCE, what=f"{before} descriptors")
    assert "Uncaught" not in proxy.log.read_text()


def receive(client: socket.socket) -> None:
    assert client.recv(1), "the connection was closed"


@pytest.mark.parametrize("leave", [reset, socket.socket.close], ids=["reset", "close"])
@pytest.mark.parametrize("path", ["/flood", "/download"])
def test_clients_that_leave_during_output_leave_nothing_open(
    proxy: Proxy, path: str, leave: object
) -> None:
    before, memory = proxy.open, proxy.megabytes
    clients = [proxy.ask(path) for _ in range(CLIENTS)]
    for client in clients:
        receive(client)
    assert proxy.open >= before + CLIENTS
    for client in clients:
        leave(client)  # type: ignore[operator]
    comes_back(proxy, before)
    assert proxy.megabytes < memory + 80 + CLIENTS * 0.1


def test_what_vanished_clients_did_not_read_is_freed_in_every_round(weighed: Proxy) -> None:
    """The process keeps freed memory for the next round: a plateau, whatever the number of rounds."""
    before, objects, resident = weighed.open, [], []
    for _ in range(4):
        clients = [weighed.ask("/flood") for _ in range(CLIENTS)]
        held = wait_for(
            lambda: (size := weighed.weigh()[1]) > CLIENTS * 50_000 and size,
            what="output that nobody reads",
        )
        for client in clients:
            reset(client)
        comes_back(weighed, before)
        wait_for(lambda at_most=held / 20: weighed.weigh()[1] < at_most, what="freed output")
        objects.append(weighed.weigh()[0])
        resident.append(weighed.megabytes)
    assert objects[3] < 1.2 * objects[0], objects
    assert resident[3] < 1.5 * max(resident[:2]), resident


@pytest.mark.parametrize("path", ["/flood", "/download", "/echo", "/never"])
def test_clients_that_leave_before_an_answer_leave_nothing_open(proxy: Proxy, path: str) -> None:
    before = proxy.open
    for _ in range(CLIENTS):
        reset(proxy.ask(path))
    # The proxy takes connections in turn: with this answer it has seen all of the others.
    assert _answers(proxy.port)
    comes_back(proxy, before)


@pytest.mark.parametrize("path", ["/flood", "/download"])
def test_clients_that_freeze_are_closed(impatient: Proxy, path: str) -> None:
    proxy = impatient
    before, memory = proxy.open, proxy.megabytes
    with ExitStack() as stack:
        for _ in range(CLIENTS):
            stack.enter_context(proxy.ask(path))
        wait_for(lambda: proxy.open >= before + CLIENTS, what="all connections")
        comes_back(proxy, before)
        assert proxy.megabytes < memory + 80 + CLIENTS * 0.3


def test_killed_processes_leave_nothing_open(proxy: Proxy) -> None:
    before = proxy.open
    program = (
        "import socket, sys, time\n"
        f"request = 'GET /flood HTTP/1.1\\r\\nHost: x\\r\\n' + {UPGRADE!r} + '\\r\\n'\n"
        "clients = []\n"
        f"for _ in range({max(CLIENTS // 5, 1)}):\n"
        f"    clients.append(socket.create_connection(('127.0.0.1', {proxy.port})))\n"
        "    clients[-1].sendall(request.encode())\n"
        "print([client.recv(1) for client in clients][-1], flush=True)\n"
        "time.sleep(60)\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) for _ in range(5)
    ]
    for process in processes:
        assert process.stdout
        process.stdout.readline()
    for process in processes:
        process.kill()
        process.communicate()
    comes_back(proxy, before)


async def test_a_live_websocket_stays_open_while_it_is_only_pinged(impatient: Proxy) -> None:
    connection = await websocket_connect(f"ws://127.0.0.1:{impatient.port}/echo")
    # Twice as long as the proxy lets a websocket be quiet.
    await asyncio.sleep(2 * PATIENCE)
    await connection.write_message("still here")
    assert await asyncio.wait_for(connection.read_message(), 20) == "still here"
    connection.close()


def test_the_program_is_the_locked_library(proxy: Proxy) -> None:
    said = subprocess.run(["node", PROXY, "--version"], capture_output=True, text=True, check=True)
    assert said.stdout.strip().startswith("5.")
