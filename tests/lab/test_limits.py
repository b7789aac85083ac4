"""What a lab says about its limits, read from files as the kernel writes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from firstlight_lab.limits import Limits, cannot_start, read_limits, why_it_ended

BEFORE = Limits(memory=2 * 1024**3, processes=512, oom_kills=1, refusals=4)
FIRST = {
    "memory/memory.limit_in_bytes": "2147483648\n",
    "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
    "pids/pids.max": "512\n",
    "pids/pids.events": "max 4\n",
}
SECOND = {
    "memory.max": "2147483648\n",
    "memory.events": "low 0\nhigh 0\nmax 31\noom 2\noom_kill 1\noom_group_kill 0\n",
    "pids.max": "512\n",
    "pids.events": "max 4\n",
}


@pytest.mark.parametrize("files", [FIRST, SECOND], ids=["version 1", "version 2"])
def test_limits_are_those_of_the_labs_control_groups(files: dict[str, str], tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    assert read_limits(tmp_path) == BEFORE


def test_a_lab_without_control_groups_has_no_counts(tmp_path: Path) -> None:
    found = read_limits(tmp_path)

    assert (found.memory, found.oom_kills, found.refusals) == (None, 0, 0)


def test_a_kernel_that_the_system_killed_ran_out_of_memory() -> None:
    said = why_it_ended(BEFORE, replace(BEFORE, oom_kills=2), -9)

    assert said is not None
    assert "ran out of memory (2 GiB)" in said
    assert "larger lab" in said


@pytest.mark.parametrize(("kills", "status"), [(1, -9), (2, 0), (2, 1)])
def test_memory_is_not_blamed_for_every_end(kills: int, status: int) -> None:
    assert why_it_ended(BEFORE, replace(BEFORE, oom_kills=kills), status) is None


def test_a_kernel_without_threads_names_the_process_limit() -> None:
    said = why_it_ended(BEFORE, replace(BEFORE, refusals=5), 1)

    assert said is not None
    assert "too many processes and threads (512)" in said


def test_the_reason_fits_in_a_notification_with_the_notebooks_name() -> None:
    large = replace(BEFORE, memory=1023 * 1024**3 + 2**29, processes=2**22)
    for after, status in ((replace(large, oom_kills=2), -9), (replace(large, refusals=5), 1)):
        said = why_it_ended(large, after, status)
        assert said is not None
        assert len(said) <= 140 - 22


def test_the_sentence_names_no_limit_that_is_unknown() -> None:
    said = cannot_start("A new terminal cannot start", replace(BEFORE, processes=None))

    assert said.startswith("A new terminal cannot start: this lab has as many processes as it may")
    assert "None" not in said
