"""How many labs start at the same time, and the queue of those that wait for their turn."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from firstlight_hub.spawner.shared import Shared

__all__ = ["StartQueue", "concurrent_starts", "waiting_message"]


def concurrent_starts(setting: int | None, cores: int) -> int:
    """Decide how many labs may start at the same time.

    Parameters
    ----------
    setting
        ``spawner.concurrent_starts`` of ``platform.yaml``; None leaves it to the machine.
    cores
        How many cores the hub may use.

    Notes
    -----
    A start is mostly one busy thread. More of them than cores finish no sooner, but all of them
    later, and then all exceed the time that a start may take.
    """
    return setting if setting is not None else max(1, cores)


def waiting_message(before: int) -> str:
    """Return what a person reads while their lab waits for its turn."""
    if before == 0:
        return "Many labs are starting. Yours is next."
    others = "1 lab is" if before == 1 else f"{before} labs are"
    return f"Many labs are starting. {others} before yours in the queue."


class StartQueue(Shared):
    """Lets some starts run at the same time, first come, first served.

    Parameters
    ----------
    limit
        How many.

    Notes
    -----
    It exists in the hub's memory alone: a hub that is restarted starts no lab.
    """

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._waiting: dict[asyncio.Future[None], Callable[[int], None]] = {}

    @classmethod
    def of_machine(cls, setting: int | None) -> StartQueue:
        """Return the queue for this machine."""
        return cls(concurrent_starts(setting, len(os.sched_getaffinity(0))))

    async def enter(self, moved: Callable[[int], None]) -> None:
        """Return when it is this caller's turn to start; `leave` has to follow.

        Parameters
        ----------
        moved
            Called with the number of others before this one, at first and whenever it changes, but
            not if there is no wait.
        """
        if self._free > 0:  # then nobody waits
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[turn] = moved
        moved(len(self._waiting) - 1)
        try:
            await turn
        except asyncio.CancelledError:
            if self._waiting.pop(turn, None) is None:
                self.leave()  # it became this one's turn in the same moment
            else:
                self._announce()
            raise

    def leave(self) -> None:
        """Let the next one start."""
        for turn in self._waiting:
            if not turn.done():
                del self._waiting[turn]
                turn.set_result(None)
                self._announce()
                return
        self._free += 1

    def _announce(self) -> None:
        for before, moved in enumerate(self._waiting.values()):
            moved(before)
