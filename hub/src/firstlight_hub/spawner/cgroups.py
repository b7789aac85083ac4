"""Control groups, version 1 and 2: a group for each lab, with its limits.

References: cgroups(7); the kernel's ``Documentation/admin-guide/cgroup-v2.rst`` and ``cgroup-v1/``.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CONTROLLERS", "Hierarchy", "find_hierarchy", "members", "remove"]

CONTROLLERS = ("memory", "cpu", "pids")
_PERIOD = 100_000
"""Microseconds over which CPU time is shared out; the kernel's default."""


@dataclass(frozen=True)
class Hierarchy:
    """Where groups can be made.

    Attributes
    ----------
    roots
        Controller → the directory below which a group can be made; with version 2 it is the same
        for each.
    unified
        Whether it is version 2.
    reason
        Why some controllers are missing.
    """

    roots: dict[str, Path]
    unified: bool
    reason: str = ""

    def create(self, name: str, *, memory: int, cpu: float, processes: int) -> tuple[Path, ...]:
        """Make a group for a lab, or take the one that is there, and set its limits.

        Parameters
        ----------
        name
            Path below the root, such as ``firstlight-1a2b/vera``.
        memory
            Bytes; page cache counts, but is given back first.
        cpu
            Cores.
        processes
            Processes and threads.

        Returns
        -------
        tuple of Path
            The directories: one with version 2, one a controller with version 1.
        """
        folders = []
        for controller, root in self.roots.items():
            folder = root / name
            self._make(root, folder)
            files = _limits(controller, self.unified, memory, cpu, processes)
            for file, value in files.items():
                _write(folder / file, value)
            if folder not in folders:
                folders.append(folder)
        return tuple(folders)

    def _make(self, root: Path, folder: Path) -> None:
        for attempt in range(5):
            try:
                if self.unified:
                    _delegate(root, folder, self.roots)
                folder.mkdir(parents=True, exist_ok=True)
            except FileNotFoundError:
                # Another lab ended, and was the last one of the folder above.
                if attempt == 4:
                    raise
            else:
                return


def find_hierarchy(root: Path = Path("/sys/fs/cgroup")) -> Hierarchy:
    """Find out what control groups this process may use, by trying."""
    if (root / "cgroup.controllers").exists():
        there = (root / "cgroup.controllers").read_text().split()
        roots, unified = {name: root for name in CONTROLLERS if name in there}, True
    else:
        # A machine may mount cpu and cpuacct together; the links lead to the right place.
        roots, unified = (
            {name: root / name for name in CONTROLLERS if (root / name).is_dir()},
            False,
        )
    usable, reason = {}, "" if roots else "this machine has no control groups"
    for name, place in roots.items():
        trial = place / f"firstlight-trial-{os.getpid()}"
        try:
            if unified:
                _delegate(place, trial, [name])
            trial.mkdir()
            trial.rmdir()
            usable[name] = place
        except OSError as error:
            reason = f"control groups cannot be made here ({error.strerror})"
    return Hierarchy(usable, unified, reason)


def members(folders: tuple[str, ...]) -> set[int]:
    """Return the processes in a lab's groups."""
    found: set[int] = set()
    for folder in folders:
        with suppress(OSError):
            found |= {int(pid) for pid in Path(folder, "cgroup.procs").read_text().split()}
    return found


def remove(folders: tuple[str, ...]) -> None:
    """Remove a lab's groups; the kernel may need a moment after the last process."""
    for folder in folders:
        for _ in range(20):
            try:
                Path(folder).rmdir()
            except FileNotFoundError:
                break
            except OSError:
                time.sleep(0.01)
            else:
                break
        with suppress(OSError):
            Path(folder).parent.rmdir()  # the instance's own, when this was its last lab


def _delegate(root: Path, folder: Path, controllers: dict[str, Path] | list[str]) -> None:
    """Let the groups on the way down use the controllers (version 2)."""
    words = " ".join(f"+{name}" for name in controllers)
    for parent in reversed([path for path in folder.parents if path.is_relative_to(root)]):
        parent.mkdir(exist_ok=True)
        control = parent / "cgroup.subtree_control"
        if not set(controllers) <= set(control.read_text().split()):
            control.write_text(words)


def _limits(
    controller: str, unified: bool, memory: int, cpu: float, processes: int
) -> dict[str, str]:
    quota = str(int(cpu * _PERIOD))
    both = {
        "memory": (
            {"memory.max": str(memory), "memory.swap.max": "0"},
            {"memory.limit_in_bytes": str(memory)},
        ),
        "cpu": (
            {"cpu.max": f"{quota} {_PERIOD}"},
            {"cpu.cfs_period_us": str(_PERIOD), "cpu.cfs_quota_us": quota},
        ),
        "pids": ({"pids.max": str(processes)}, {"pids.max": str(processes)}),
    }
    return both[controller][0 if unified else 1]


def _write(path: Path, value: str) -> None:
    if path.name == "memory.swap.max" and not path.exists():
        return  # a kernel without swap accounting
    path.write_text(value)
