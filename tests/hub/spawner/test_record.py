from __future__ import annotations

import os
import subprocess
from pathlib import Path

from firstlight_hub.spawner import processes
from firstlight_hub.spawner.record import LabRecord


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    record = LabRecord("vera", 12, 34, 5678, ("/sys/fs/cgroup/x",), "a1")
    record.write(tmp_path / "labs" / "vera.json")

    assert LabRecord.read(tmp_path / "labs" / "vera.json") == record
    assert not list((tmp_path / "labs").glob(".*"))


def test_a_broken_record_is_none(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"pid": ')
    (tmp_path / "y.json").write_text('{"colour": "blue"}')

    assert LabRecord.read(tmp_path / "x.json") is None
    assert LabRecord.read(tmp_path / "y.json") is None
    assert LabRecord.read(tmp_path / "none.json") is None


def test_a_number_that_is_used_again_is_another_process() -> None:
    pid, ticks = os.getpid(), processes.start_ticks(os.getpid())

    assert LabRecord("vera", pid, ticks, 1).is_alive()
    assert not LabRecord("vera", pid, ticks - 1, 1).is_alive()


def test_who_has_ended_is_not_alive() -> None:
    child = subprocess.Popen(["/bin/true"])
    ticks = processes.start_ticks(child.pid)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert not processes.is_alive(child.pid, ticks)  # though not yet reaped
    child.wait()
    assert not processes.is_alive(child.pid, ticks)
