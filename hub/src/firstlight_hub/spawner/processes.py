"""The processes of a lab, read from ``/proc``."""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

from firstlight_hub.spawner import cgroups

__all__ = ["family", "is_alive", "kill", "start_ticks"]


def _stat(pid: int) -> list[str] | None:
    """Return the fields of ``/proc/PID/stat`` after the name, which may contain spaces."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def start_ticks(pid: int) -> int:
    """Return when a process started, or 0 if it is gone; pid and start identify it uniquely."""
    fields = _stat(pid)
    return int(fields[19]) if fields else 0


def is_alive(pid: int, ticks: int) -> bool:
    """Return whether a process still is the recorded one; pids are reused."""
    fields = _stat(pid)
    return fields is not None and fields[0] not in "ZX" and int(fields[19]) == ticks


def family(pid: int, folders: tuple[str, ...]) -> set[int]:
    """Return a lab's processes: descendants and session of its first, and its groups' members."""
    children: dict[int, list[int]] = defaultdict(list)
    found: set[int] = set()
    for entry in os.listdir("/proc"):  # noqa: PTH208 (called often)
        if entry.isdigit() and (fields := _stat(int(entry))) is not None and fields[0] not in "ZX":
            children[int(fields[1])].append(int(entry))
            if int(fields[3]) == pid:
                found.add(int(entry))
    waiting = [pid, *found]
    while waiting:
        for child in children.pop(waiting.pop(), ()):
            found.add(child)
            waiting.append(child)
    return found | cgroups.members(folders)


def kill(pids: set[int], number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to each process that still exists."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
