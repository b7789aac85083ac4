"""Many labs at once: our spawner compared with JupyterHub's own ``SimpleLocalProcessSpawner``.

Several people press Start at the same moment. The time is measured from the first request until the
hub calls the last lab ready; then the memory of all processes of all labs is added up (PSS: memory
that several processes share is divided among them). The two sides are those of `lab_start`, and
take turns; while one has labs, the other is idle. Our labs have walls; the peer's have none.
"""

from __future__ import annotations

import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from benchmarks.lab_start import with_peer
from benchmarks.measure import Comparison, Series
from benchmarks.running import RunningPlatform, running
from benchmarks.session import Session
from firstlight_cli.labs import live_labs

__all__ = ["run"]

_NUMBERS = (10, 25)
_MIB = 1024**2


def run(session: Session) -> list[Comparison]:
    """Compare how long many labs take to be ready, and what memory they hold."""
    rounds = session.rounds(3)
    numbers = _NUMBERS[:1] if session.quick else _NUMBERS
    ours, peer = session.new_state("labs-at-once-ours"), session.new_state("labs-at-once-peer")
    config = with_peer(peer.root.parent)
    name = f"SimpleLocalProcessSpawner of JupyterHub {version('jupyterhub')}"
    found = []
    with running(ours) as one, running(peer, config=config) as other:
        for number in numbers:
            people = [f"bench{each}" for each in range(number)]
            taken: dict[str, list[float]] = {"ours": [], "peer": []}
            held: dict[str, list[float]] = {"ours": [], "peer": []}
            with session.steps(f"labs-at-once: {number} labs", 2 * rounds) as step:
                for platform in (one, other):
                    for person in people:
                        platform.log_in(person)
                for _ in range(rounds):
                    for side, platform in (("ours", one), ("peer", other)):
                        began = time.perf_counter()
                        platform.start_labs(people)
                        taken[side].append(time.perf_counter() - began)
                        held[side].append(memory_of_labs(platform) / number / _MIB)
                        platform.stop_labs(people)
                        step()
            found += [
                Comparison(
                    f"{number} labs at once, all ready",
                    "s",
                    Series(tuple(taken["ours"])),
                    Series(tuple(taken["peer"])),
                    name,
                ),
                Comparison(
                    f"memory of a lab, of {number}",
                    "MiB",
                    Series(tuple(held["ours"])),
                    Series(tuple(held["peer"])),
                    name,
                ),
            ]
    return found


def memory_of_labs(platform: RunningPlatform) -> int:
    """Return the memory that all labs of a platform hold, in bytes (PSS), without their loggers."""
    labs = {pid for lab in live_labs(platform.state) for pid in lab.members()}
    if not labs:  # the peer's are a process each
        everybody = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        labs = {pid for pid in everybody if _is_server_of(platform, pid)}
    return sum(map(_pss, labs))


def _is_server_of(platform: RunningPlatform, pid: int) -> bool:
    """Return whether a process is a lab's server that was told this platform's address."""
    address = f":{platform.url.rpartition(':')[2]}/"
    with suppress(OSError):
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        variables = Path(f"/proc/{pid}/environ").read_bytes()
        return b"jupyterhub.singleuser" in command and address.encode() in variables
    return False


def _pss(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
