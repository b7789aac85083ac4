"""Many labs at once: our spawner compared with JupyterHub's own ``SimpleLocalProcessSpawner``.

Several people press Start at the same moment. The time is measured from the first request until the
hub calls the last lab ready; then the memory of all processes of all labs is added up (PSS: memory
that several processes share is divided among them). The platforms are those of `lab_platforms`, and
take turns; while one has labs, the others are idle.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks.lab_platforms import OURS, PEER, PEER_NAME, WITHOUT_WALLS, lab_platforms
from benchmarks.measure import Comparison, Series
from benchmarks.running import RunningPlatform
from benchmarks.session import Session
from firstlight_cli.labs import live_labs

__all__ = ["run"]

_NUMBERS = {25: 3, 50: 1, 100: 1}
"""Labs at once, and repetitions."""
_QUICK_NUMBERS = {5: 1}
_MIB = 1024**2

type Values = defaultdict[str, list[float]]


def run(session: Session) -> list[Comparison]:
    """Compare how long many labs take to be ready, and what memory they hold."""
    numbers = _QUICK_NUMBERS if session.quick else _NUMBERS
    with lab_platforms(session, "labs-at-once") as platforms:
        for platform in platforms.values():
            for person in _people(max(numbers)):
                platform.log_in(person)
        return [
            line
            for number, rounds in numbers.items()
            for line in _measure(session, platforms, number, rounds)
        ]


def _people(number: int) -> list[str]:
    return [f"bench{each}" for each in range(number)]


def _measure(
    session: Session, platforms: dict[str, RunningPlatform], number: int, rounds: int
) -> list[Comparison]:
    taken: Values = defaultdict(list)
    held: Values = defaultdict(list)
    failed: defaultdict[str, int] = defaultdict(int)
    with session.steps(f"labs-at-once: {number} labs", len(platforms) * rounds) as step:
        for _ in range(rounds):
            for side, platform in platforms.items():
                began = time.perf_counter()
                ready = platform.start_labs(_people(number))
                taken[side].append(time.perf_counter() - began)
                held[side].append(memory_of_labs(platform) / ready / _MIB)
                failed[side] += number - ready
                platform.stop_labs(_people(number))
                step()
    note = ", ".join(f"{count} labs of {side} failed" for side, count in failed.items() if count)
    return [
        _compare(what, unit, values, side, note)
        for side, walls in ((OURS, ""), (WITHOUT_WALLS, ", without walls"))
        if side in platforms
        for what, unit, values in (
            (f"{number} labs at once, all ready{walls}", "s", taken),
            (f"memory of a lab, of {number}{walls}", "MiB", held),
        )
    ]


def _compare(what: str, unit: str, values: Values, side: str, note: str) -> Comparison:
    ours, peer = Series(tuple(values[side])), Series(tuple(values[PEER]))
    return Comparison(what, unit, ours, peer, PEER_NAME, note=note)


def memory_of_labs(platform: RunningPlatform) -> int:
    """Return the memory that all labs of a platform hold, in bytes (PSS), without their loggers."""
    labs = {pid for lab in live_labs(platform.state) for pid in lab.members()}
    if not labs:  # the peer's are a process each
        labs = {pid for pid in _everybody() if _is_server_of(platform, pid)}
    return sum(map(_pss, labs))


def _everybody() -> Sequence[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


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
