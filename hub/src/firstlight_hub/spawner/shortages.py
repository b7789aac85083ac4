"""Labs that ran out of memory in the last days: a short list for administrators, kept on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import TypeAdapter

from firstlight_hub.spawner import threads
from firstlight_hub.spawner.files import replace_file
from firstlight_hub.spawner.form import memory_in_words
from firstlight_hub.spawner.kernel_log import KilledProcess
from firstlight_hub.spawner.shared import Shared

__all__ = ["Shortage", "Shortages"]

_KEPT = timedelta(days=7)
_MOST = 20
"""How many people are listed: a lab can run out of memory as often as its person likes."""
_NAMED = 3


@dataclass(frozen=True)
class Shortage:
    """A lab that ran out of memory.

    Attributes
    ----------
    user, time
        Whose lab it is, and when the hub noticed.
    limit
        The memory that the lab may use, in bytes.
    count
        How many of its processes the kernel has ended.
    processes
        Those of them that are known, the latest last.
    lab_ended
        Whether the lab ended with them.
    """

    user: str
    time: datetime
    limit: int
    count: int
    processes: tuple[KilledProcess, ...] = ()
    lab_ended: bool = False

    @property
    def message(self) -> str:
        """What happened, in sentences."""
        words = [
            f"{one.name} (process {one.pid}, {memory_in_words(one.memory)})"
            for one in self.processes[-_NAMED:]
        ]
        if others := self.count - len(words):
            what = "process" if others == 1 else "processes"
            words.append(f"{others} other {what}" if words else f"{others} {what}")
        ended = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
        lab = " The lab ended too." if self.lab_ended else ""
        return f"The system ended {ended}. The lab's limit is {memory_in_words(self.limit)}.{lab}"


def _now() -> datetime:
    return datetime.now(UTC)


class Shortages(Shared):
    """The latest shortage of each person, newest first.

    Parameters
    ----------
    path
        The file that keeps them; None keeps them in memory alone.
    clock
        Returns the present time; tests replace it.
    """

    def __init__(self, path: Path | None = None, clock: Callable[[], datetime] = _now) -> None:
        self._path, self._now = path, clock
        self._all: tuple[Shortage, ...] = ()
        self._writing = asyncio.Lock()

    @classmethod
    def load(cls, path: Path, clock: Callable[[], datetime] = _now) -> Shortages:
        """Return the list that a file keeps; an empty one if it does not exist or is invalid."""
        loaded = cls(path, clock)
        try:
            loaded._all = _FILE.validate_json(path.read_bytes())
        except (OSError, ValueError):
            loaded._all = ()
        return loaded

    def recent(self) -> tuple[Shortage, ...]:
        """Return the shortages of the last days, newest first, at most one of each person."""
        oldest = self._now() - _KEPT
        return tuple(one for one in self._all if one.time >= oldest)

    async def add(self, new: Shortage) -> None:
        """Add a shortage; `OSError` if it is in the list, but could not be written."""
        others = (one for one in self.recent() if one.user != new.user)
        self._all = (new, *others)[:_MOST]
        async with self._writing:
            await threads.run(self._write, self._all)

    def _write(self, shortages: tuple[Shortage, ...]) -> None:
        if self._path is not None:
            replace_file(self._path, _FILE.dump_json(shortages, indent=1) + b"\n")


_FILE = TypeAdapter(tuple[Shortage, ...])
