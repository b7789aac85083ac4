"""A kernel in somebody's lab, spoken to through the public address as JupyterLab does."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.platform_under_test import Platform, wait_for

__all__ = [
    "Kernel",
    "KernelAddress",
    "address_in_lab",
    "api_of",
    "close_kernel",
    "connect_kernel",
    "is_ready",
    "kernel_in_lab",
    "new_kernel",
    "start_lab",
    "stop_lab",
    "tokens_of_lab",
]


def is_ready(platform: Platform, name: str) -> bool:
    """Return whether somebody's lab is ready."""
    answer = platform.hub("GET", f"/users/{name}")
    server = (answer.json().get("servers") or {}).get("", {}) if answer.ok else {}
    return bool(server.get("ready"))


def stop_lab(platform: Platform, name: str) -> None:
    """Stop somebody's lab if it runs, perhaps since another test; return when it has ended."""

    def stopped() -> bool:
        answer = platform.hub("DELETE", f"/users/{name}/server")
        if answer.status_code == 404:  # nobody of this name has logged in yet
            return True
        return not platform.hub("GET", f"/users/{name}").json().get("servers")

    wait_for(stopped, what=f"the end of the lab of {name}")


def start_lab(platform: Platform, name: str, size: str = "small") -> None:
    """Start somebody's lab unless it runs; return when it is ready."""
    if not is_ready(platform, name):
        answer = platform.hub("POST", f"/users/{name}/server", json={"size": size})
        assert answer.status_code in {201, 202, 400}, answer.text
        wait_for(lambda: is_ready(platform, name), seconds=180, what=f"the lab of {name}")


def tokens_of_lab(platform: Platform, name: str) -> list[str]:
    """Return what somebody's lab has at the hub: a token for the data services, one for the hub."""
    tokens = platform.hub("GET", f"/users/{name}/tokens").json()["api_tokens"]
    notes = [str(token["note"]) for token in tokens]
    return [note for note in notes if note.startswith(("Server at", "Your lab"))]


def api_of(platform: Platform, name: str) -> tuple[str, dict[str, str]]:
    """Return the address of somebody's lab, and the header of a token of theirs."""
    made = platform.hub("POST", f"/users/{name}/tokens", json={"expires_in": 600}).json()
    return platform.lab(name), {"Authorization": f"token {made['token']}"}


class Kernel:
    """A running kernel; every call returns what the code printed."""

    def __init__(self, connection: WebSocketClientConnection, runner: asyncio.Runner) -> None:
        self._connection = connection
        self._runner = runner

    def run(self, code: str, *, seconds: float = 60) -> str:
        """Execute code; raise with the traceback if it fails."""
        number = uuid.uuid4().hex
        header = {"msg_id": number, "msg_type": "execute_request", "version": "5.3"}
        header |= {"session": "test", "username": "test", "date": "2026-01-01T00:00:00Z"}
        content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        message |= {"channel": "shell", "buffers": []}

        async def converse() -> str:
            await self._connection.write_message(json.dumps(message))
            said, failure = "", ""
            while True:
                text = await self._connection.read_message()
                assert text is not None, "the connection was closed"
                answer = json.loads(text)
                if answer["parent_header"].get("msg_id") != number:
                    continue
                kind, body = answer["msg_type"], answer["content"]
                if kind == "stream" and body["name"] == "stdout":
                    said += body["text"]
                elif kind == "error":
                    failure = "\n".join(body["traceback"])
                elif kind == "status" and body["execution_state"] == "idle":
                    assert not failure, failure
                    return said

        return self._runner.run(asyncio.wait_for(converse(), seconds))


@dataclass(frozen=True)
class KernelAddress:
    """A kernel in somebody's lab, and a token of theirs."""

    api: str
    number: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """The token, for requests."""
        return {"Authorization": f"token {self.token}"}

    @contextmanager
    def connected(self) -> Iterator[Kernel]:
        """Connect to the kernel, as another tab would; it goes on after the block."""
        url = f"{self.api.replace('http:', 'ws:')}/{self.number}/channels?session_id=test"
        with asyncio.Runner() as runner:
            connection = runner.run(connect_kernel(HTTPRequest(url, headers=self.headers)))
            try:
                yield Kernel(connection, runner)
            finally:
                runner.run(close_kernel(connection))


def new_kernel(platform: Platform, name: str, token: str) -> KernelAddress:
    """Start a kernel in somebody's running lab."""
    lab = urlsplit(platform.lab(name))
    # Behind TLS, the proxy is asked directly.
    api = f"http://{lab.hostname}:{platform.port}{lab.path}/api/kernels"
    headers = {"Authorization": f"token {token}"}
    made: dict[str, Any] = requests.post(api, headers=headers, json={}, timeout=30).json()
    return KernelAddress(api, made["id"], token)


@contextmanager
def kernel_in_lab(platform: Platform, name: str) -> Iterator[Kernel]:
    """Start somebody's lab and a kernel in it, and connect; the kernel ends with the block."""
    with address_in_lab(platform, name) as address, address.connected() as kernel:
        yield kernel


@contextmanager
def address_in_lab(platform: Platform, name: str) -> Iterator[KernelAddress]:
    """Start somebody's lab and a kernel in it; the kernel ends with the block.

    Notes
    -----
    The lab's server closes a connection that answers no ping, and none does between calls.
    """
    start_lab(platform, name)
    made = platform.hub("POST", f"/users/{name}/tokens", json={"expires_in": 3600}).json()
    address = new_kernel(platform, name, made["token"])
    try:
        yield address
    finally:
        requests.delete(f"{address.api}/{address.number}", headers=address.headers, timeout=30)
        platform.hub("DELETE", f"/users/{name}/tokens/{made['id']}")


async def connect_kernel(request: HTTPRequest) -> WebSocketClientConnection:
    return await asyncio.wait_for(websocket_connect(request), 30)


async def close_kernel(connection: WebSocketClientConnection) -> None:
    async def end() -> None:
        while await connection.read_message() is not None:
            pass  # what was still under way

    connection.close()
    # A lab that has ended does not answer; tornado then closes the socket after five seconds.
    with suppress(TimeoutError):
        await asyncio.wait_for(end(), 10)
