"""The hub's event loop: how long a request waits while labs start, and while one writes its log.

This is a figure, not a claim. A request to the hub's health address does no work, so its duration
is the lag of the hub's event loop, as a person's browser would see it. It is sent every 20 ms, over
a connection that stays open, directly to the hub's port. The figure is the largest value of a
repetition.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from urllib.parse import urlsplit

from benchmarks.measure import Comparison, Series
from benchmarks.running import RunningPlatform, running
from benchmarks.session import Session
from firstlight_common.runtime import load_runtime

__all__ = ["run"]

_PAUSE = 0.02
_PATIENCE = 300
_WRITER = "benchwriter"
_FLOOD = """\
import subprocess, sys
code = (
    "import os, pathlib\\n"
    "block = (b'x' * 1023 + b'\\\\n') * 64\\n"
    "left = {mebibytes} * 1024**2\\n"
    "while left > 0: left -= os.write(1, block)\\n"
    "pathlib.Path.home().joinpath('written').touch()\\n"
)
subprocess.Popen([sys.executable, "-c", code])
"""
"""What the writer's JupyterLab runs when it starts."""


def run(session: Session) -> list[Comparison]:
    """Measure the lag while nothing happens, while labs start, and during a flood of output."""
    rounds, labs = session.rounds(5), session.size(8, 2)
    mebibytes = session.size(1024, 16)
    state = session.new_state("loop-lag")
    found: dict[str, list[float]] = {}
    with (
        session.steps("loop-lag: measuring", 3 * rounds) as step,
        running(state) as platform,
    ):
        names = [f"bench{number}" for number in range(labs)]
        for name in (*names, _WRITER):
            platform.log_in(name)
        works: dict[str, Callable[[], None]] = {
            "idle": lambda: time.sleep(1),
            f"{labs} labs start at once": lambda: _start_and_stop(platform, names),
            f"a lab writes {mebibytes} MiB of output": lambda: _flood(platform, mebibytes),
        }
        for _ in range(rounds):
            for what, work in works.items():
                with _lag(platform) as seconds:
                    work()
                found.setdefault(what, []).append(1000 * max(seconds))
                step()
    return [
        Comparison(f"hub's event loop, largest lag, {what}", "ms", Series(tuple(values)))
        for what, values in found.items()
    ]


def _start_and_stop(platform: RunningPlatform, names: Sequence[str]) -> None:
    platform.start_labs(names)
    platform.stop_labs(names)


def _flood(platform: RunningPlatform, mebibytes: int) -> None:
    home = platform.state.root / "homes" / _WRITER
    config, written = home / ".jupyter" / "jupyter_server_config.py", home / "written"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(_FLOOD.format(mebibytes=mebibytes))
    written.unlink(missing_ok=True)
    platform.start_labs([_WRITER])
    end = time.monotonic() + _PATIENCE
    while not written.exists():
        if time.monotonic() > end:
            raise RuntimeError("timed out, waiting for the lab's output")
        time.sleep(0.1)
    platform.stop_labs([_WRITER])


@contextmanager
def _lag(platform: RunningPlatform) -> Iterator[list[float]]:
    """Ask the hub again and again in the background; yield how long each answer took."""
    address = urlsplit(load_runtime(platform.state.root).component("hub").health)
    taken: list[float] = []
    done = threading.Event()

    def ask() -> None:
        connection = HTTPConnection(address.hostname or "", address.port, timeout=_PATIENCE)
        while not (done.is_set() and taken):
            began = time.perf_counter()
            connection.request("GET", address.path)
            connection.getresponse().read()
            taken.append(time.perf_counter() - began)
            time.sleep(_PAUSE)
        connection.close()

    asker = threading.Thread(target=ask)
    asker.start()
    try:
        yield taken
    finally:
        done.set()
        asker.join()
