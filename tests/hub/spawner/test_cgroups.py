"""Version 1 for real where this machine lets us; version 2 on a tree of files of the same names."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from firstlight_hub.spawner import cgroups

GIB = 1024**3
LIMITS = cgroups.Limits(memory=2 * GIB, cpu=1.5, processes=64)


@pytest.fixture
def unified(tmp_path: Path) -> Path:
    """Make what a version 2 hierarchy shows at its root."""
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("")
    return tmp_path


def read(folder: Path, name: str) -> str:
    return (folder / name).read_text().strip()


def make_version_2(hierarchy: cgroups.Hierarchy, root: Path) -> tuple[Path, ...]:
    """Create a lab's group; in a tree of files, the test creates what the kernel would."""
    for folder in (root / "fl-1", root / "fl-1" / "labs"):
        folder.mkdir()
        (folder / "cgroup.subtree_control").write_text("")
    return hierarchy.create("fl-1", "vera", LIMITS)


def test_version_2_has_one_group_with_all_limits(unified: Path) -> None:
    hierarchy = cgroups.Hierarchy(dict.fromkeys(cgroups.CONTROLLERS, unified), unified=True)
    folders = make_version_2(hierarchy, unified)

    assert folders == (unified / "fl-1" / "labs" / "vera",)
    assert read(folders[0], "memory.max") == str(2 * GIB)
    assert read(folders[0], "pids.max") == "64"
    for above in (unified, unified / "fl-1", unified / "fl-1" / "labs"):
        assert set(read(above, "cgroup.subtree_control").split()) == {"+memory", "+cpu", "+pids"}


def test_version_2_a_lab_has_all_of_the_cpu_until_it_is_ready(unified: Path) -> None:
    hierarchy = cgroups.Hierarchy(dict.fromkeys(cgroups.CONTROLLERS, unified), unified=True)
    (folder,) = make_version_2(hierarchy, unified)
    assert read(folder, "cpu.max") == "max 100000"
    assert read(folder, "cpu.weight") == "1500"

    hierarchy.settle((str(folder),), LIMITS)

    assert read(folder, "cpu.max") == "150000 100000"
    assert read(folder, "cpu.weight") == "150"
    assert read(folder, "memory.max") == str(2 * GIB)


def version_1(root: Path) -> cgroups.Hierarchy:
    return cgroups.Hierarchy({name: root / name for name in cgroups.CONTROLLERS}, unified=False)


def test_version_1_has_a_group_for_each_controller(tmp_path: Path) -> None:
    folders = version_1(tmp_path).create("fl-1", "vera", LIMITS)

    assert folders == tuple(
        tmp_path / name / "fl-1" / "labs" / "vera" for name in cgroups.CONTROLLERS
    )
    assert read(folders[0], "memory.limit_in_bytes") == str(2 * GIB)
    assert read(folders[2], "pids.max") == "64"


def test_version_1_a_lab_has_all_of_the_cpu_until_it_is_ready(tmp_path: Path) -> None:
    hierarchy = version_1(tmp_path)
    folders = hierarchy.create("fl-1", "vera", LIMITS)
    assert read(folders[1], "cpu.cfs_quota_us") == "-1"
    assert read(folders[1], "cpu.shares") == "15360"

    hierarchy.settle(tuple(map(str, folders)), LIMITS)

    assert read(folders[1], "cpu.cfs_quota_us") == "150000"
    assert read(folders[1], "cpu.shares") == "1536"


def test_a_lab_without_limits_has_a_weight_of_its_own(tmp_path: Path) -> None:
    hierarchy = version_1(tmp_path)
    folders = hierarchy.create("fl-1", "vera", LIMITS, limited=False)
    hierarchy.settle(tuple(map(str, folders)), LIMITS, limited=False)

    assert folders == (tmp_path / "cpu" / "fl-1" / "labs" / "vera",)
    assert {path.name for path in folders[0].iterdir()} == {"cpu.shares"}


def test_a_machine_without_control_groups_says_so(tmp_path: Path) -> None:
    hierarchy = cgroups.find_hierarchy(tmp_path / "none")

    assert hierarchy.roots == {}
    assert "no control groups" in hierarchy.reason


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_groups_that_may_not_be_made_are_not_promised() -> None:
    hierarchy = cgroups.find_hierarchy()

    assert hierarchy.roots == {} or hierarchy.unified


def usable() -> bool:
    return os.geteuid() == 0 and set(cgroups.find_hierarchy().roots) == set(cgroups.CONTROLLERS)


@pytest.mark.skipif(not usable(), reason="this machine does not let us make control groups")
def test_the_kernel_holds_a_process_to_its_groups_limits() -> None:
    hierarchy = cgroups.find_hierarchy()
    small = cgroups.Limits(memory=64 * 1024**2, cpu=1, processes=20)
    folders = hierarchy.create(f"firstlight-test-{os.getpid()}", "vera", small)
    try:
        join = "".join(f"echo 0 > {folder}/cgroup.procs; " for folder in folders)
        greedy = "exec python3 -c 'x = bytearray(256 * 1024**2)'"
        done = subprocess.run(["sh", "-c", join + greedy], check=False, timeout=60)
        assert done.returncode in (-9, 137, 1)

        bomb = "for i in $(seq 60); do sleep 5 & done; wait"
        done = subprocess.run(
            ["sh", "-c", join + bomb], check=False, timeout=60, capture_output=True
        )
        assert b"ork" in done.stderr  # "Cannot fork", "fork: …"
    finally:
        for _ in range(100):
            left = cgroups.members(tuple(map(str, folders)))
            for pid in left:
                os.kill(pid, 9)
            if not left:
                break
            time.sleep(0.05)
        cgroups.remove(tuple(map(str, folders)))
    assert not any(folder.exists() for folder in folders)
    assert not folders[0].parent.parent.exists()
