"""Control groups of the platform: which there are, and how much they weigh on a busy machine.

There is a group for the platform, one in it for each component, and one for all labs with a group
for each lab. Weights only matter while the machine is busy; they limit nothing. Each level divides
the CPU among its own members, so a hundred busy labs together weigh as much as one.

References: cgroups(7); the kernel's ``Documentation/admin-guide/cgroup-v2.rst`` and
``scheduler/sched-design-CFS.rst``.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = [
    "CONTROLLERS",
    "LABS",
    "ROOT",
    "is_unified",
    "join",
    "lab_groups",
    "lab_weight",
    "name_of_platform",
    "remove",
    "weigh",
    "weight_file",
]

ROOT = Path("/sys/fs/cgroup")
CONTROLLERS = ("memory", "cpu", "pids")
"""The controllers that are used here."""
LABS = "labs"
"""The group of all labs, in the platform's."""

_PROCESS = 100
"""The weight of a process that is in no group."""
_PLATFORM = 10 * _PROCESS
"""The platform's weight for each core: on version 1 a group's weight is divided among the cores."""
_COMPONENTS = {"supervisor": 1000, "hub": 1000, "proxy": 1000}
_SERVICE = 200
_LABS = 400
_START = 10
"""How many times more a lab weighs while it starts."""


def name_of_platform(state_dir: Path) -> str:
    """Return the name of the group of the platform that a state directory belongs to."""
    state = state_dir.stat()
    return f"firstlight-{state.st_dev:x}-{state.st_ino:x}"


def lab_weight(cpu: float, *, starting: bool) -> int:
    """Return the weight of a lab of some cores, which is higher until it is ready."""
    return round(_PROCESS * cpu) * (_START if starting else 1)


def weight_file(weight: int, *, unified: bool) -> tuple[str, str]:
    """Return the file of a group that holds its weight, and what to write to it."""
    if unified:
        return "cpu.weight", str(min(max(weight, 1), 10_000))
    return "cpu.shares", str(min(max(weight * 1024 // _PROCESS, 2), 262_144))


def is_unified(root: Path) -> bool:
    """Return whether these are control groups of version 2."""
    return (root / "cgroup.controllers").exists()


def weigh(platform: Path, *, unified: bool, cores: int | None = None) -> None:
    """Set the weights of the platform's group and, if it exists, that of all labs.

    Parameters
    ----------
    platform
        The platform's group, of the controller ``cpu``.
    unified
        Whether it is of version 2.
    cores
        How many cores the machine has; by default, this one.
    """
    weights = {platform: _PLATFORM * (cores or os.cpu_count() or 1), platform / LABS: _LABS}
    for folder, weight in weights.items():
        if folder.is_dir():
            _set_weight(folder, weight, unified=unified)


def join(state_dir: Path, component: str, root: Path = ROOT) -> bool:
    """Move this process into its component's group, and set the weights.

    Returns
    -------
    bool
        False if control groups are not writable here; then nothing has changed.
    """
    unified = is_unified(root)
    top = root if unified else root / "cpu"
    platform = top / name_of_platform(state_dir)
    folder = platform / f"component-{component}"
    try:
        if unified:
            _enable_cpu(top)
        elif not top.is_dir():
            return False
        platform.mkdir(exist_ok=True)
        if unified:
            _enable_cpu(platform)
        folder.mkdir(exist_ok=True)
        weigh(platform, unified=unified)
        _set_weight(folder, _COMPONENTS.get(component, _SERVICE), unified=unified)
        (folder / "cgroup.procs").write_text("0")
    except OSError:
        return False
    return True


def lab_groups(state_dir: Path, lab: str, root: Path = ROOT) -> list[Path]:
    """Return the groups of a lab that exist, whether or not it runs."""
    name = name_of_platform(state_dir)
    folders = [top / name / LABS / lab for top in _tops(root)]
    return [folder for folder in folders if folder.is_dir()]


def remove(state_dir: Path, root: Path = ROOT) -> None:
    """Remove the platform's groups, except those that still have processes."""
    for top in _tops(root):
        platform = top / name_of_platform(state_dir)
        # A hub that is killed may leave the group of a lab that it was about to start.
        inner = [path for path in platform.rglob("*") if path.is_dir()]
        for folder in (*reversed(inner), platform):
            with suppress(OSError):
                folder.rmdir()


def _tops(root: Path) -> list[Path]:
    return [root] if is_unified(root) else [root / name for name in CONTROLLERS]


def _enable_cpu(folder: Path) -> None:
    control = folder / "cgroup.subtree_control"
    if "cpu" not in control.read_text().split():
        control.write_text("+cpu")


def _set_weight(folder: Path, weight: int, *, unified: bool) -> None:
    name, value = weight_file(weight, unified=unified)
    (folder / name).write_text(value)
