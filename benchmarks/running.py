"""A platform for benchmarks, started by the ``firstlight`` command and used like a person would."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener

from firstlight_cli.access import mint_link, mint_token
from firstlight_cli.http import Hub
from firstlight_cli.paths import Installation, State

__all__ = ["PERSON", "RunningPlatform", "running"]

PERSON = "bench"
"""The person who starts labs."""

_UP_SECONDS = 90
_LAB_SECONDS = 60
_POLL_SECONDS = 0.05
"""The hub lists all people each time, so asking more often would slow it down."""

_HOUR = 3600


@dataclass
class RunningPlatform:
    """A running platform.

    Attributes
    ----------
    took
        Seconds from the command to the printed address.
    token
        A token of the person who logged in last, for their lab.
    """

    state: State
    url: str
    took: float
    token: str = ""

    @property
    def lab(self) -> str:
        """The path of the lab."""
        return f"/nb/user/{PERSON}"

    @property
    def lab_headers(self) -> dict[str, str]:
        """The token, and the lab's host, by which the proxy finds it.

        Notes
        -----
        Names below localhost are for browsers: other programs have to say the host.
        """
        return {**self._headers, "Host": f"{PERSON}.localhost:{urlsplit(self.url).port}"}

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"token {self.token}"}

    def link(self, person: str = PERSON) -> str:
        """Return an address that logs somebody in, once."""
        return mint_link(self.state, person, admin=False, seconds=_HOUR)

    def log_in(self, person: str = PERSON) -> None:
        """Log somebody in with a one-time link, as their browser would."""
        link = self.link(person)
        # Never use the machine's web proxy for loopback.
        browser = build_opener(ProxyHandler({}), HTTPCookieProcessor(CookieJar()))
        page = browser.open(link, timeout=30).read().decode()
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
        # Not the page of a first visit, where a spawner without a form starts a lab immediately.
        fields["next"] = "/nb/hub/home"
        browser.open(link.partition("?")[0], urlencode(fields).encode(), timeout=30).close()
        scopes = [f"{scope}:servers!user={person}" for scope in ("access", "read")]
        self.token = mint_token(self.state, person, seconds=_HOUR, scopes=scopes)

    def start_lab(self) -> float:
        """Start a lab and return the seconds until it answers at the public address."""
        began = time.perf_counter()
        Hub(self.state).call("POST", f"/users/{PERSON}/server", {"size": "small"})
        # The hub's stream of progress tells at once, and costs the hub less than to be asked.
        with self._progress() as events:
            told = [line for line in events if line.startswith(b"data:")]
        if not any(b'"ready": true' in line for line in told):
            raise RuntimeError(f"the lab did not start: {b' '.join(told[-1:]).decode()}")
        # The proxy's and the server's first answer are part of the start.
        with self.open_lab("/api/status"):
            return time.perf_counter() - began

    def stop_lab(self) -> None:
        """Stop the lab and wait until the hub no longer lists it."""
        hub = Hub(self.state)
        hub.call("DELETE", f"/users/{PERSON}/server")
        _wait(lambda: PERSON not in hub.users(state="active"), _LAB_SECONDS, "the lab's end")

    def start_labs(self, people: Sequence[str]) -> int:
        """Start the labs of several people at once; return how many became ready."""
        hub = Hub(self.state)
        for person in people:
            hub.call("POST", f"/users/{person}/server", {"size": "small"})
        patience = _LAB_SECONDS * len(people)
        # A start that failed is no longer active.
        states = {"ready", "inactive"}
        _wait(
            lambda: set(people) <= {name for one in states for name in hub.users(state=one)},
            patience,
            "the labs",
        )
        return len(set(people) & set(hub.users(state="ready")))

    def stop_labs(self, people: Sequence[str]) -> None:
        """Stop the labs of several people; return when all have ended."""
        hub = Hub(self.state)
        for person in people:
            hub.call("DELETE", f"/users/{person}/server")
        _wait(lambda: not set(people) & set(hub.users(state="active")), _LAB_SECONDS, "the end")

    def _progress(self) -> HTTPResponse:
        """Open the stream of progress, which there is a moment after the request."""
        end = time.monotonic() + _LAB_SECONDS
        while True:
            try:
                path = f"/nb/hub/api/users/{PERSON}/server/progress"
                return self._open(path, self._headers)
            except HTTPError as error:
                if error.code != 400 or time.monotonic() > end:
                    raise
                time.sleep(0.01)

    def open_lab(
        self, path: str, *, method: str = "GET", body: bytes | None = None
    ) -> HTTPResponse:
        """Ask the lab for something with the person's token."""
        return self._open(f"{self.lab}{path}", self.lab_headers, method, body)

    def _open(
        self, path: str, headers: dict[str, str], method: str = "GET", body: bytes | None = None
    ) -> HTTPResponse:
        request = Request(  # noqa: S310 (always http://127.0.0.1)
            f"{self.url}{path}", method=method, data=body, headers=headers
        )
        # Never use the machine's web proxy for loopback.
        answer: HTTPResponse = build_opener(ProxyHandler({})).open(request, timeout=_LAB_SECONDS)
        return answer


@contextmanager
def running(state: State, *, config: Path | None = None) -> Iterator[RunningPlatform]:
    """Start a platform, yield it, and stop it with all its labs."""
    port = _free_port()
    # Not the environment of the benchmarks: what people run.
    python = str(Installation.find().root / ".venv" / "bin" / "python")
    command = [python, "-m", "firstlight_cli", "up"]
    command += ["--port", str(port), "--state-dir", str(state.root)]
    command += ["--config", str(config)] if config else []
    log = state.root.parent / "up.log"
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200"},
            start_new_session=True,
        )
        try:
            _wait(lambda: _is_up(process, log), _UP_SECONDS, "firstlight up")
            took = time.perf_counter() - began
            yield RunningPlatform(state, f"http://127.0.0.1:{port}", took)
        finally:
            _stop(process)


def _is_up(process: subprocess.Popen[bytes], log: Path) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"firstlight up failed:\n{log.read_text()[-2000:]}")
    return "/nb/hub/link?token=" in log.read_text()


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(condition: Callable[[], bool], patience: float, what: str) -> None:
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"timed out after {patience} s, waiting for {what}")
        time.sleep(_POLL_SECONDS)


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
