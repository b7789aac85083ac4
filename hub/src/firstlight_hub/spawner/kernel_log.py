"""Which processes of a lab the kernel has ended for want of memory, read from the kernel's log.

References: the kernel's ``Documentation/ABI/testing/dev-kmsg`` and ``mm/oom_kill.c``, which writes
a line ``oom-kill:…`` with the control group, and then ``… Killed process …`` with the memory.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["KilledProcess", "find_killed", "killed_processes"]

_LOG = Path("/dev/kmsg")
_LONGEST = 16 * 1024  # longer than any record; a read with too little room is an error
_VICTIM = re.compile(r"oom-kill:.*?,task_memcg=(?P<group>[^,]*),task=.*,pid=(?P<pid>\d+),uid=\d+$")
_KILLED = re.compile(
    r"Killed process (?P<pid>\d+) \((?P<name>.*)\) total-vm:\d+kB, "
    r"anon-rss:(?P<anon>\d+)kB, file-rss:(?P<file>\d+)kB, shmem-rss:(?P<shared>\d+)kB"
)


@dataclass(frozen=True)
class KilledProcess:
    """A process that the kernel has ended.

    Attributes
    ----------
    name, pid
        Its name and number; it chose the name itself.
    memory
        How many bytes of memory it had.
    """

    name: str
    pid: int
    memory: int


def killed_processes(group: Path, count: int) -> tuple[KilledProcess, ...]:
    """Return the processes of a lab that were ended last, the latest last.

    Parameters
    ----------
    group
        A control group of the lab: the platform's, ``labs``, and the person's name.
    count
        How many processes were ended.

    Returns
    -------
    tuple of KilledProcess
        At most `count`. There are fewer if the kernel's log cannot be read, as in most containers
        and as an ordinary user, or is incomplete, as after many kills in seconds.
    """
    try:
        return find_killed(_records(), group)[-count:] if count else ()
    except OSError:
        return ()


def find_killed(lines: Iterable[str], group: Path) -> tuple[KilledProcess, ...]:
    """Return the processes of a control group that lines of the kernel's log name, in order."""
    # Inside a container, the kernel knows the group by a longer path than we do.
    end = "/" + "/".join(group.parts[-3:])
    awaited: set[str] = set()
    found = []
    for line in lines:
        if victim := _VICTIM.search(line):
            if victim["group"].endswith(end):
                awaited.add(victim["pid"])
        elif (killed := _KILLED.search(line)) and killed["pid"] in awaited:
            awaited.remove(killed["pid"])
            kilobytes = sum(int(killed[part]) for part in ("anon", "file", "shared"))
            found.append(KilledProcess(killed["name"], int(killed["pid"]), kilobytes * 1024))
    return tuple(found)


def _records() -> Iterator[str]:
    """Yield the messages in the kernel's log, oldest first."""
    descriptor = os.open(_LOG, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        while True:
            try:
                record = os.read(descriptor, _LONGEST)
            except BlockingIOError:
                return
            except BrokenPipeError:
                continue  # newer records took the place of the one that was next
            text = record.decode(errors="replace").partition("\n")[0]
            yield text.partition(";")[2]
    finally:
        os.close(descriptor)
