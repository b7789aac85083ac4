"""A lab's limits, and how often the kernel enforced them, read from the lab's own control groups.

References: the kernel's ``Documentation/admin-guide/cgroup-v2.rst`` and ``cgroup-v1/``.
"""

from __future__ import annotations

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tornado import web

__all__ = ["Limits", "cannot_start", "explaining", "read_limits", "why_it_ended"]

_GROUPS = Path("/sys/fs/cgroup")
"""The spawner shows a lab its own groups here, read-only."""
_KILLED = -9


@dataclass(frozen=True)
class Limits:
    """A lab's limits at one moment.

    Attributes
    ----------
    memory, processes
        The limits, in bytes and in processes and threads; None if there is none.
    oom_kills
        How many processes the kernel has ended because the lab was out of memory.
    refusals
        How many processes and threads could not start because there were too many.
    """

    memory: int | None
    processes: int | None
    oom_kills: int
    refusals: int


def read_limits(groups: Path = _GROUPS) -> Limits:
    """Return the limits of this lab, from control groups of version 1 or 2."""
    memory, pids = groups / "memory", groups / "pids"
    if memory.is_dir() or pids.is_dir():
        files = memory / "memory.limit_in_bytes", memory / "memory.oom_control"
    else:
        memory = pids = groups
        files = memory / "memory.max", memory / "memory.events"
    processes = _number(pids / "pids.max")
    if processes is None:
        limit, _ = resource.getrlimit(resource.RLIMIT_NPROC)
        processes = None if limit == resource.RLIM_INFINITY else limit
    return Limits(
        memory=_number(files[0]),
        processes=processes,
        oom_kills=_count(files[1], "oom_kill"),
        refusals=_count(pids / "pids.events", "max"),
    )


def why_it_ended(before: Limits, after: Limits, status: int) -> str | None:
    """Return why a kernel ended, in sentences for the person; None if no limit was the cause.

    Parameters
    ----------
    before, after
        The lab's limits when the kernel started and when it had ended.
    status
        The kernel's exit status; minus the number of the signal that ended it.

    Notes
    -----
    JupyterLab cuts a notification after 140 characters, and 22 of them are for the notebook's name.
    """
    if status == _KILLED and after.oom_kills > before.oom_kills:
        return (
            f"The lab ran out of memory{_of(after.memory)}: this kernel was ended. "
            "Use less data, shut down kernels or start a larger lab."
        )
    if after.refusals > before.refusals:
        most = "" if after.processes is None else f" ({after.processes})"
        return (
            f"The lab has too many processes and threads{most}: this kernel ended. "
            "Shut down other kernels and terminals."
        )
    return None


def cannot_start(what: str, limits: Limits) -> str:
    """Return what the person can do when the lab has too many processes.

    Parameters
    ----------
    what
        The beginning of the sentence: what could not be done.

    Notes
    -----
    JupyterLab shows it in a dialog that breaks no lines: each of the two fits in.
    """
    most = "" if limits.processes is None else f" ({limits.processes} processes and threads)"
    return (
        f"{what}: this lab has as many processes as it may have{most}.\n"
        "Shut down kernels and terminals that you do not need, and try again."
    )


@contextmanager
def explaining(what: str) -> Iterator[None]:
    """Replace an error in this block by one for the person if there are too many processes.

    Parameters
    ----------
    what
        The beginning of the sentence: what could not be done.
    """
    try:
        yield
    except Exception as error:
        if not _needs_a_process(error):
            raise
        said = cannot_start(what, read_limits())
        raise web.HTTPError(503, said, reason="Too many processes") from error


def _needs_a_process(error: BaseException | None) -> bool:
    """Return whether a process or a thread could not start; Jupyter hides it behind others."""
    for _ in range(10):
        if error is None:
            return False
        if isinstance(error, OSError) and error.errno == errno.EAGAIN:
            return True
        if isinstance(error, RuntimeError) and "start new thread" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _of(memory: int | None) -> str:
    return "" if memory is None else f" ({round(memory / 1024**3, 2):g} GiB)"


def _number(path: Path) -> int | None:
    """Return the number in a file; None without a file, or if it says ``max``."""
    with suppress(OSError, ValueError):
        return int(path.read_text())
    return None


def _count(path: Path, name: str) -> int:
    """Return one of the counters in a file of lines such as ``oom_kill 3``."""
    with suppress(OSError):
        for line in path.read_text().splitlines():
            if line.split()[:1] == [name]:
                return int(line.split()[1])
    return 0
