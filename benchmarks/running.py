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
"""The hub answers for a lab that is not up yet, so polling more often would slow the hub down."""

_HOUR = 3600


@dataclass
class RunningPlatform:
    """A running platform.

    Attributes
    ----------
    took
        Seconds from the command to the printed address.
    """

    state: State
    url: str
    took: float
    _token: str = ""

    def log_in(self, person: str = PERSON) -> None:
        """Log somebody in with a one-time link, as their browser would."""
        link = mint_link(self.state, person, admin=False, seconds=_HOUR)
        # Never use the machine's web proxy for loopback.
        browser = build_opener(ProxyHandler({}), HTTPCookieProcessor(CookieJar()))
        page = browser.open(link, timeout=30).read().decode()
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
        # Not the page of a first visit, where a spawner without a form starts a lab immediately.
        fields["next"] = "/nb/hub/home"
        browser.open(link.partition("?")[0], urlencode(fields).encode(), timeout=30).close()
        scope = f"access:servers!user={person}"
        self._token = mint_token(self.state, person, seconds=_HOUR, scopes=[scope])

    def start_lab(self) -> float:
        """Start a lab and return the seconds until it answers at the public address."""
        began = time.perf_counter()
        Hub(self.state).call("POST", f"/users/{PERSON}/server", {"size": "small"})
        _wait(self._lab_answers, _LAB_SECONDS, "the lab")
        return time.perf_counter() - began

    def stop_lab(self) -> None:
        """Stop the lab and wait until the hub no longer lists it."""
        hub = Hub(self.state)
        hub.call("DELETE", f"/users/{PERSON}/server")
        _wait(lambda: PERSON not in hub.users(state="active"), _LAB_SECONDS, "the lab's end")

    def start_labs(self, people: Sequence[str]) -> None:
        """Start the labs of several people at once; return when all are ready."""
        hub = Hub(self.state)
        for person in people:
            hub.call("POST", f"/users/{person}/server", {"size": "small"})
        patience = _LAB_SECONDS * len(people)
        _wait(lambda: set(people) <= set(hub.users(state="ready")), patience, "the labs")

    def stop_labs(self, people: Sequence[str]) -> None:
        """Stop the labs of several people; return when all have ended."""
        hub = Hub(self.state)
        for person in people:
            hub.call("DELETE", f"/users/{person}/server")
        _wait(lambda: not set(people) & set(hub.users(state="active")), _LAB_SECONDS, "the end")

    def _lab_answers(self) -> bool:
        # Names below localhost are for browsers; the proxy finds the lab by its host.
        host = f"{PERSON}.localhost:{urlsplit(self.url).port}"
        request = Request(  # noqa: S310 (always http://127.0.0.1)
            f"{self.url}/nb/user/{PERSON}/api/status",
            headers={"Authorization": f"token {self._token}", "Host": host},
        )
        try:
            with build_opener(ProxyHandler({})).open(request, timeout=10) as answer:
                return bool(answer.status == 200 and answer.url == request.full_url)
        except HTTPError as error:
            # The hub answers for the lab until it is up.
            if error.code in (424, 503):
                return False
            raise


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
