"""Why labs end: the kernel's counts of what it ended, and notice of a process's end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

__all__ = ["EndWatch", "oom_kills"]


def oom_kills(folders: tuple[str, ...]) -> int:
    """Return how many processes the kernel has ended because a lab was out of memory.

    Parameters
    ----------
    folders
        The lab's control groups, of version 1 or 2.
    """
    for folder in folders:
        for name in ("memory.events", "memory.oom_control"):
            with suppress(OSError):
                for line in Path(folder, name).read_text().splitlines():
                    if line.startswith("oom_kill "):
                        return int(line.split()[1])
    return 0


class EndWatch:
    """Calls a function as soon as a process has ended, whether or not it is a child.

    Parameters
    ----------
    pid
        The process.
    ended
        What to call in the event loop, once.
    """

    def __init__(self, pid: int, ended: Callable[[], None]) -> None:
        self._ended = ended
        self._descriptor = os.pidfd_open(pid)
        asyncio.get_running_loop().add_reader(self._descriptor, self._notice)

    def _notice(self) -> None:
        self.close()
        self._ended()

    def close(self) -> None:
        """Watch no longer."""
        if self._descriptor >= 0:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
