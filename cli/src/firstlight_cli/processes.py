"""Records of the processes that a platform runs, so that a later ``firstlight up`` can end them.

Notes
-----
Every component imports this module before it becomes its own program, so it needs only the standard
library.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Recorded", "end", "read_records", "record_self", "stat_of"]


@dataclass(frozen=True)
class Recorded:
    """A process as it was recorded; its id may have been reused since then."""

    name: str
    pid: int
    start_ticks: int

    def alive(self) -> bool:
        """Return whether the recorded process still runs."""
        fields = stat_of(self.pid)
        return fields is not None and fields[0] != "Z" and int(fields[19]) == self.start_ticks

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and, if it leads one, to its group."""
        if not self.alive():
            return
        with suppress(ProcessLookupError):
            if os.getpgid(self.pid) == self.pid:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)


def stat_of(pid: int) -> list[str] | None:
    """Return ``/proc/PID/stat`` from the state on (proc(5)); the name before it may hold spaces."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def record_self(folder: Path, name: str) -> None:
    """Record this process under a name; it keeps its id when it becomes another program."""
    fields = stat_of(os.getpid())
    if fields is None:
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    temporary = folder / f".{name}.{os.getpid()}"
    temporary.write_text(f"{os.getpid()} {fields[19]}\n")
    temporary.replace(folder / name)


def read_records(folder: Path) -> list[Recorded]:
    """Return the recorded processes that still run."""
    found = []
    for file in sorted(folder.glob("[!.]*")):
        with suppress(OSError, ValueError):
            pid, ticks = map(int, file.read_text().split())
            found.append(Recorded(file.name, pid, ticks))
    return [record for record in found if record.alive()]


def end(records: Iterable[Recorded], *, patience: float) -> None:
    """Ask processes to end, kill those that have not after `patience` seconds; return then."""
    left = list(records)
    for record in left:
        record.signal(signal.SIGTERM)
    end_of_patience = time.monotonic() + patience
    while left := [record for record in left if record.alive()]:
        if time.monotonic() > end_of_patience:
            for record in left:
                record.signal(signal.SIGKILL)
        time.sleep(0.05)
