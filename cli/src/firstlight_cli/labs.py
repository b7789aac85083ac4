"""Stop the labs, which outlive the hub, when the platform stops."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from firstlight_cli.paths import State
from firstlight_cli.processes import stat_of
from firstlight_common import groups

__all__ = ["Lab", "live_labs", "stop_labs"]


@dataclass(frozen=True)
class Lab:
    """A lab that runs as processes of this machine, as the spawner recorded it."""

    user: str
    pid: int
    start_ticks: int
    cgroup: tuple[Path, ...]
    record: Path

    def alive(self) -> bool:
        """Return whether the process is still the recorded one; process ids are reused."""
        fields = stat_of(self.pid)
        return fields is not None and fields[0] != "Z" and int(fields[19]) == self.start_ticks

    def members(self) -> set[int]:
        """Return the lab's processes: those of its session and of its control group."""
        found = {
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit()
            and (fields := stat_of(int(entry.name))) is not None
            and int(fields[3]) == self.pid
            and fields[0] != "Z"
        }
        for folder in self.cgroup:
            with suppress(OSError):
                found |= {int(pid) for pid in (folder / "cgroup.procs").read_text().split()}
        return found

    def remove_groups(self) -> None:
        """Remove the lab's control groups, and that of all labs with its last lab."""
        for folder in self.cgroup:
            with suppress(OSError):
                folder.rmdir()
                folder.parent.rmdir()


def live_labs(state: State) -> list[Lab]:
    """Return the labs that run as processes of this machine now.

    Notes
    -----
    Labs in other places end otherwise, and their records say so. A record without a place is one
    that an older version of the platform wrote.
    """
    found = []
    for record in sorted((state.run / "labs").glob("*.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            noted = json.loads(record.read_text())
            place = noted.get("place", noted)
            if place.get("kind", "process") != "process":
                continue
            lab = Lab(
                str(noted["user"]),
                int(place["pid"]),
                int(place["start_ticks"]),
                tuple(map(Path, place.get("cgroup") or ())),
                record,
            )
            if lab.alive():
                found.append(lab)
    return found


def stop_labs(state: State, *, patience: float = 4) -> int:
    """Ask all labs to stop, kill those that do not, and return how many there were.

    Notes
    -----
    This is the last step of stopping a platform, so it removes the platform's control groups too.
    """
    labs = live_labs(state)
    members = {lab: lab.members() for lab in labs}
    for lab in labs:
        _signal(members[lab], signal.SIGTERM)
    _wait_until_gone(labs, patience)
    for lab in labs:
        _signal(lab.members(), signal.SIGKILL)
    _wait_until_gone(labs, 1)
    for lab in labs:
        lab.remove_groups()
        lab.record.unlink(missing_ok=True)
    groups.remove(state.root)
    return len(labs)


def _wait_until_gone(labs: list[Lab], patience: float) -> None:
    end = time.monotonic() + patience
    while any(lab.members() for lab in labs) and time.monotonic() < end:
        time.sleep(0.05)


def _signal(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
