"""The lock of a state directory: one platform works in it at a time."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from firstlight_cli.errors import OperatorError
from firstlight_cli.paths import State
from firstlight_cli.plan import read_runtime
from firstlight_common.commands import firstlight

__all__ = ["holder", "own"]

_ORPHAN_SECONDS = 20
"""How long the programs of a killed ``firstlight up`` may take to end."""


@contextmanager
def own(state: State) -> Iterator[int]:
    """Hold the lock of a state directory; yield its descriptor.

    Notes
    -----
    Programs that work in the directory inherit the descriptor, and with it the lock. So the lock of
    a ``firstlight up`` that was killed is held until its programs have ended, which takes a moment.

    Raises
    ------
    OperatorError
        If another process works there; it names the process.
    """
    descriptor = os.open(state.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        end = time.monotonic() + _ORPHAN_SECONDS
        while not _try(descriptor):
            pid = _pid_in(descriptor)
            if _runs(pid) or time.monotonic() > end:
                raise _taken(state, pid)
            time.sleep(0.1)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield descriptor
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def holder(state: State) -> int | None:
    """Return the id of the ``firstlight up`` that holds a state directory; None if none does."""
    with suppress(FileNotFoundError), state.lock.open("rb") as file:
        descriptor = file.fileno()
        if not _try(descriptor) and _runs(pid := _pid_in(descriptor)):
            return pid
    return None


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _pid_in(descriptor: int) -> int:
    with suppress(ValueError):
        return int(os.pread(descriptor, 20, 0))
    return 0


def _runs(pid: int) -> bool:
    return bool(pid) and Path(f"/proc/{pid}").exists()


def _taken(state: State, pid: int) -> OperatorError:
    before = read_runtime(state)
    where = f", at {before.public_url}" if before else ""
    return OperatorError(
        f"A platform already runs from {state.root} (process {pid or 'unknown'}){where}.",
        f"Stop it with `{firstlight('stop', state_dir=state.root)}`, or name another --state-dir.",
    )
