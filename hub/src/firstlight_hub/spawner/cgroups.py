"""Control groups, versions 1 and 2: a group for each lab, with its limits.

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
"""The controllers that limit a lab."""
_PERIOD = 100_000
"""The period of a CPU quota in microseconds; the kernel's default."""


@dataclass(frozen=True)
class Hierarchy:
    """Where groups can be created.

    Attributes
    ----------
    roots
        For each controller the directory below which groups can be created; with version 2 it is
        the same for all.
    unified
        Whether this is version 2.
    reason
        Why some controllers are missing.
    """

    roots: dict[str, Path]
    unified: bool
    reason: str = ""

    def create(self, name: str, *, memory: int, cpu: float, processes: int) -> tuple[Path, ...]:
        """Create a group for a lab unless it exists, and set its limits.

        Parameters
        ----------
        name
            Path below the root, such as ``firstlight-1a2b/vera``.
        memory
            In bytes; page cache counts, but is reclaimed first.
        cpu
            Number of cores.
        processes
            Number of processes and threads.

        Returns
        -------
        tuple of Path
            The directories: one with version 2, one for each controller with version 1.
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
                # Another lab ended, the last one in the parent directory.
                if attempt == 4:
                    raise
            else:
                return


def find_hierarchy(root: Path = Path("/sys/fs/cgroup")) -> Hierarchy:
    """Return the control groups that this process may use, found out by trying."""
    if (root / "cgroup.controllers").exists():
        there = (root / "cgroup.controllers").read_text().split()
        roots, unified = {name: root for name in CONTROLLERS if name in there}, True
    else:
        # A machine may mount cpu and cpuacct together; then these are symbolic links.
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
            reason = f"control groups cannot be created here ({error.strerror})"
    return Hierarchy(usable, unified, reason)


def members(folders: tuple[str, ...]) -> set[int]:
    """Return the ids of the processes in a lab's groups."""
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
            Path(folder).parent.rmdir()  # the platform's own, if this was its last lab


def _delegate(root: Path, folder: Path, controllers: dict[str, Path] | list[str]) -> None:
    """Enable the controllers in all groups above a folder (version 2)."""
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
