"""Clients that do not read a lab's output: they are closed, and the lab's memory is bounded."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from firstlight_lab.backlog import LAB_LIMIT, OFFLINE_LIMIT
from tests.lab_client import Kernel, kernel_in_lab, start_lab
from tests.platform_under_test import Platform, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

PERSON = "mira-member"
FROZEN = 40
MEBIBYTE = 1024**2

#: 160 MB, in messages that no rate limit of Jupyter Server counts.
OUTPUT = (
    "import time\n"
    "from IPython.display import display\n"
    "for _ in range(400):\n"
    "    display({'text/plain': 'x' * 400_000}, raw=True)\n"
    "    time.sleep(0.01)\n"
)
MEMORY = (
    "import os, re\n"
    "status = open(f'/proc/{os.getppid()}/status').read()\n"
    "print(*(1024 * int(re.search(rf'{name}:\\s+(\\d+)', status)[1]) for name in ('VmRSS', 'VmHWM')))\n"
)


class Lab:
    """Somebody's lab, and what its server says about itself."""

    def __init__(self, platform: Platform, kernel: Kernel) -> None:
        self.platform, self.kernel = platform, kernel
        made = platform.hub("POST", f"/users/{PERSON}/tokens", json={"expires_in": 600}).json()
        self.headers = {"Authorization": f"token {made['token']}"}

    def get(self, path: str) -> Any:
        url = f"{self.platform.url}/nb/user/{PERSON}/api{path}"
        return requests.get(url, headers=self.headers, timeout=60).json()

    @property
    def kernels(self) -> dict[str, int]:
        """How many websockets each kernel has."""
        return {kernel["id"]: kernel["connections"] for kernel in self.get("/kernels")}

    def memory(self) -> tuple[int, int]:
        """Return how many bytes the lab's server has, and had at most."""
        now, most = self.kernel.run(MEMORY).split()
        return int(now), int(most)

    def freeze(self, path: str) -> socket.socket:
        """Open a websocket that nobody reads."""
        client = socket.create_connection(("127.0.0.1", self.platform.port), timeout=30)
        token = self.headers["Authorization"]
        client.sendall(
            f"GET /nb/user/{PERSON}{path} HTTP/1.1\r\nHost: 127.0.0.1:{self.platform.port}\r\n"
            f"Authorization: {token}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        return client


@pytest.fixture
def lab(platform: Platform) -> Iterator[Lab]:
    platform.login(PERSON)
    start_lab(platform, PERSON)
    with kernel_in_lab(platform, PERSON) as kernel:
        yield Lab(platform, kernel)


def test_clients_that_do_not_read_output_cost_a_bounded_amount_of_memory(lab: Lab) -> None:
    (kernel,) = lab.kernels
    before, _ = lab.memory()
    with ExitStack() as stack:
        for number in range(FROZEN):
            path = f"/api/kernels/{kernel}/channels?session_id=frozen{number}"
            stack.enter_context(lab.freeze(path))
        wait_for(lambda: lab.kernels[kernel] == FROZEN + 1, what="all websockets")
        lab.kernel.run(OUTPUT, seconds=180)
        _, most = lab.memory()
        assert most - before < LAB_LIMIT + 200 * MEBIBYTE, "the lab kept what nobody read"
        wait_for(lambda: lab.kernels[kernel] == 1, seconds=120, what="the frozen ones to be closed")
    # The client that reads is not disturbed.
    assert lab.kernel.run("print(6 * 7)") == "42\n"


def test_a_frozen_client_is_closed_even_without_output(lab: Lab) -> None:
    (kernel,) = lab.kernels
    with lab.freeze(f"/api/kernels/{kernel}/channels?session_id=quiet"):
        wait_for(lambda: lab.kernels[kernel] == 2, what="the websocket")
        wait_for(lambda: lab.kernels[kernel] == 1, seconds=120, what="the ping's time-out")


def test_output_that_nobody_waits_for_is_bounded(platform: Platform, lab: Lab) -> None:
    (kernel,) = lab.kernels
    before, peak = lab.memory()
    indented = OUTPUT.replace("\n", "\n    ")
    lab.kernel.run(f"import threading\ndef show():\n    {indented}\n")
    lab.kernel.run("task = threading.Timer(3, show); task.start()")
    lab.kernel.leave()
    wait_for(lambda: lab.kernels[kernel] == 0, what="the last client to leave")
    with kernel_in_lab(platform, PERSON) as watcher:
        watcher.run("import time; time.sleep(10)")
        _, most = map(int, watcher.run(MEMORY).split())
    assert most < max(peak, before + OFFLINE_LIMIT + 120 * MEBIBYTE) + MEBIBYTE


def test_a_terminal_that_is_not_read_is_closed(lab: Lab) -> None:
    url = f"{lab.platform.url}/nb/user/{PERSON}/api/terminals"
    name = requests.post(url, headers=lab.headers, json={}, timeout=60).json()["name"]
    try:
        before, peak = lab.memory()
        with lab.freeze(f"/terminals/websocket/{name}") as client:
            command = b'["stdin", "yes xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx | head -c 300000000\\r"]'
            assert len(command) < 126
            client.sendall(bytes([0x81, 0x80 | len(command), 0, 0, 0, 0]) + command)
            closed = "A client does not read a terminal's output"
            wait_for(lambda: closed in _log(lab), seconds=120, what="the terminal's client")
            _, most = lab.memory()
        assert most < max(peak, before + LAB_LIMIT + 200 * MEBIBYTE) + MEBIBYTE
    finally:
        requests.delete(f"{url}/{name}", headers=lab.headers, timeout=60)


def _log(lab: Lab) -> str:
    return lab.platform.cli("logs", f"lab/{PERSON}", check=False).stdout
