"""Control groups, versions 1 and 2: a group for each lab, with its limits.

References: cgroups(7); the kernel's ``Documentation/admin-guide/cgroup-v2.rst`` and ``cgroup-v1/``.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from firstlight_common import groups

__all__ = ["CONTROLLERS", "Hierarchy", "Limits", "find_hierarchy", "members", "remove"]

CONTROLLERS = groups.CONTROLLERS
"""The controllers that limit a lab."""
_PERIOD = 100_000
"""The period of a CPU quota in microseconds; the kernel's default."""


@dataclass(frozen=True)
class Limits:
    """What a lab may use.

    Attributes
    ----------
    memory
        In bytes; page cache counts, but is reclaimed first.
    cpu
        Number of cores.
    processes
        Number of processes and threads.
    """

    memory: int
    cpu: float
    processes: int


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

    def create(
        self, platform: str, lab: str, limits: Limits, *, limited: bool = True
    ) -> tuple[Path, ...]:
        """Create a group for a lab that is about to start, unless it exists, and set its limits.

        Parameters
        ----------
        platform
            The name of the platform's group.
        lab
            The name of the lab's.
        limits
            What it may use; until `settle`, it has all of the CPU and a high weight.
        limited
            Whether to limit the lab. If not, it gets a weight at most: without a group of its own
            it would weigh as much as the hub.

        Returns
        -------
        tuple of Path
            The directories: one with version 2, one for each controller with version 1.
        """
        folders = []
        for controller, root in self.roots.items():
            if not (limited or controller == "cpu"):
                continue
            folder = root / platform / groups.LABS / lab
            self._make(root, folder)
            if limited:
                _write_all(folder, _limits(controller, self.unified, limits))
            if controller == "cpu":
                groups.weigh(root / platform, unified=self.unified)
                self._weigh(folder, limits, starting=True)
            if folder not in folders:
                folders.append(folder)
        return tuple(folders)

    def settle(self, folders: tuple[str, ...], limits: Limits, *, limited: bool = True) -> None:
        """Hold a lab that has started to its share of the CPU."""
        for folder in map(Path, folders):
            if "cpu" in self.roots and folder.is_relative_to(self.roots["cpu"]):
                self._weigh(folder, limits, starting=False)
                if limited:
                    _write_all(folder, _quota(self.unified, str(int(limits.cpu * _PERIOD))))

    def _weigh(self, folder: Path, limits: Limits, *, starting: bool) -> None:
        weight = groups.lab_weight(limits.cpu, starting=starting)
        name, value = groups.weight_file(weight, unified=self.unified)
        (folder / name).write_text(value)

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
    if groups.is_unified(root):
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
        try:
            if unified:
                _delegate(place, place / "trial", [name])
            Path(tempfile.mkdtemp(prefix="firstlight-trial-", dir=place)).rmdir()
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
            # Those of all labs and of the platform, if this was the last lab and nothing else runs.
            Path(folder).parent.rmdir()
            Path(folder).parent.parent.rmdir()


def _delegate(root: Path, folder: Path, controllers: dict[str, Path] | list[str]) -> None:
    """Enable the controllers in all groups above a folder (version 2)."""
    words = " ".join(f"+{name}" for name in controllers)
    for parent in reversed([path for path in folder.parents if path.is_relative_to(root)]):
        parent.mkdir(exist_ok=True)
        control = parent / "cgroup.subtree_control"
        if not set(controllers) <= set(control.read_text().split()):
            control.write_text(words)


def _limits(controller: str, unified: bool, limits: Limits) -> dict[str, str]:
    memory, processes = str(limits.memory), str(limits.processes)
    both = {
        "memory": (
            {"memory.max": memory, "memory.swap.max": "0"},
            {"memory.limit_in_bytes": memory},
        ),
        "cpu": (_quota(True, "max"), _quota(False, "-1")),
        "pids": ({"pids.max": processes}, {"pids.max": processes}),
    }
    return both[controller][0 if unified else 1]


def _quota(unified: bool, quota: str) -> dict[str, str]:
    if unified:
        return {"cpu.max": f"{quota} {_PERIOD}"}
    return {"cpu.cfs_period_us": str(_PERIOD), "cpu.cfs_quota_us": quota}


def _write_all(folder: Path, files: dict[str, str]) -> None:
    for name, value in files.items():
        path = folder / name
        if name == "memory.swap.max" and not path.exists():
            continue  # a kernel without swap accounting
        path.write_text(value)
