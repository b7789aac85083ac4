"""The platform's control groups: on a tree of files for version 2, and for real where possible."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from firstlight_common import groups


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "var"
    folder.mkdir()
    return folder


def test_on_version_2_components_and_labs_are_siblings_with_weights(
    tmp_path: Path, state: Path
) -> None:
    root = tmp_path / "cgroup"
    platform = root / groups.name_of_platform(state)
    (platform / groups.LABS).mkdir(parents=True)
    (root / "cgroup.controllers").write_text("cpu memory pids")
    for folder in (root, platform):
        (folder / "cgroup.subtree_control").write_text("")

    assert groups.join(state, "hub", root)
    assert groups.join(state, "tap", root)

    assert {path.name for path in platform.iterdir() if path.is_dir()} == {
        "component-hub",
        "component-tap",
        "labs",
    }
    weights = {path.parent.name: int(path.read_text()) for path in platform.rglob("cpu.weight")}
    assert weights[platform.name] >= 1000
    assert weights["component-hub"] > 2 * weights["labs"]
    assert weights["labs"] > weights["component-tap"]
    assert (platform / "component-hub" / "cgroup.procs").read_text() == "0"
    assert (root / "cgroup.subtree_control").read_text() == "+cpu"


def test_the_platform_weighs_more_on_a_machine_with_more_cores(tmp_path: Path) -> None:
    for cores, weight in ((1, "10240"), (2, "20480"), (64, "262144")):
        groups.weigh(tmp_path, unified=False, cores=cores)
        assert (tmp_path / "cpu.shares").read_text() == weight
    groups.weigh(tmp_path, unified=True, cores=64)
    assert (tmp_path / "cpu.weight").read_text() == "10000"


def test_without_writable_control_groups_nothing_happens_and_nothing_fails(
    tmp_path: Path, state: Path
) -> None:
    assert not groups.join(state, "hub", tmp_path / "none")
    groups.remove(state, tmp_path / "none")


def test_the_groups_of_a_lab_that_never_ran_are_found_and_removed(
    tmp_path: Path, state: Path
) -> None:
    found = [
        tmp_path / controller / groups.name_of_platform(state) / groups.LABS / "vera"
        for controller in groups.CONTROLLERS
    ]
    for folder in found:
        folder.mkdir(parents=True)

    assert groups.lab_groups(state, "vera", tmp_path) == found
    assert groups.lab_groups(state, "theo", tmp_path) == []
    groups.remove(state, tmp_path)
    assert not any(folder.parent.parent.exists() for folder in found)


@pytest.mark.skipif(
    os.geteuid() != 0 or not os.access("/sys/fs/cgroup/cpu/cpu.shares", os.W_OK),
    reason="this machine has no version 1 that we may write to",
)
def test_a_process_joins_its_group_for_real_and_leaves_nothing(state: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from firstlight_common import groups\n"
        "print(groups.join(Path(sys.argv[1]), 'tap'))\n"
        "print(Path('/proc/self/cgroup').read_text())"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, state], capture_output=True, text=True, check=True
    ).stdout
    platform = groups.ROOT / "cpu" / groups.name_of_platform(state)

    assert said.startswith("True")
    assert f":cpu:/{platform.name}/component-tap\n" in said
    assert (platform / "component-tap" / "cpu.shares").read_text().strip() == "2048"
    groups.remove(state)
    assert not platform.exists()
