from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from firstlight_hub.spawner import processes
from firstlight_hub.spawner.places import ProcessPlace
from firstlight_hub.spawner.record import LabRecord


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    place = ProcessPlace(12, 34, 5678, ("/sys/fs/cgroup/x",), listener=("99",))
    record = LabRecord("vera", place, "small", 2 * 1024**3, 1.5, ("a1", "b2"), oom_kills=1)
    record.write(tmp_path / "labs" / "vera.json")

    assert LabRecord.read(tmp_path / "labs" / "vera.json") == record
    assert not list((tmp_path / "labs").glob(".*"))


def test_a_record_of_an_older_version_describes_the_same_lab(tmp_path: Path) -> None:
    old = {
        "user": "vera",
        "pid": 12,
        "start_ticks": 34,
        "port": 5678,
        "cgroup": ["/sys/fs/cgroup/x"],
        "token_id": "a1",
        "hub_token_id": "b2",
        "runtime": "/tmp/firstlight-1",
        "listener": ["99"],
        "memory": 1024,
        "oom_kills": 2,
    }
    (tmp_path / "vera.json").write_text(json.dumps(old))

    place = ProcessPlace(12, 34, 5678, ("/sys/fs/cgroup/x",), "/tmp/firstlight-1", ("99",))
    assert LabRecord.read(tmp_path / "vera.json") == LabRecord(
        "vera", place, memory=1024, tokens=("a1", "b2"), oom_kills=2
    )


def test_a_broken_record_is_none(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"pid": ')
    (tmp_path / "y.json").write_text('{"colour": "blue"}')

    assert LabRecord.read(tmp_path / "x.json") is None
    assert LabRecord.read(tmp_path / "y.json") is None
    assert LabRecord.read(tmp_path / "none.json") is None


def test_a_number_that_is_used_again_is_another_process() -> None:
    pid, ticks = os.getpid(), processes.start_ticks(os.getpid())

    assert ProcessPlace(pid, ticks, 1).is_alive()
    assert not ProcessPlace(pid, ticks - 1, 1).is_alive()


def test_who_has_ended_is_not_alive() -> None:
    child = subprocess.Popen(["/bin/true"])
    ticks = processes.start_ticks(child.pid)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert not processes.is_alive(child.pid, ticks)  # though not yet reaped
    child.wait()
    assert not processes.is_alive(child.pid, ticks)
