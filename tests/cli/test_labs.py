from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from firstlight_cli.labs import live_labs, stop_labs
from firstlight_cli.paths import State

STUBBORN = (
    "import signal, subprocess, sys, time;"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "print('ready', flush=True); time.sleep(600)"
)


def ticks(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def is_running(pid: int) -> bool:
    """Return whether a process is there and not just waiting for its parent to notice its end."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def note(state: State, pid: int, start_ticks: int, groups: list[str] | None = None) -> Path:
    record = state.run / "labs" / "ada.json"
    record.write_text(
        json.dumps(
            {
                "user": "ada",
                "place": {"kind": "process", "pid": pid, "start_ticks": start_ticks, "port": 1}
                | {"cgroup": groups},
            }
        )
    )
    return record


def test_a_stubborn_lab_and_its_kernels_are_stopped(state: State) -> None:
    lab = subprocess.Popen(
        [sys.executable, "-c", STUBBORN], start_new_session=True, stdout=subprocess.PIPE, text=True
    )
    assert lab.stdout
    assert lab.stdout.readline() == "ready\n"
    group = state.root / "cgroup" / "firstlight-1" / "ada"
    group.mkdir(parents=True)
    record = note(state, lab.pid, ticks(lab.pid), [str(group)])
    (found,) = live_labs(state)
    members = found.members()
    assert len(members) == 2
    assert stop_labs(state, patience=0.3) == 1
    lab.wait(5)
    lab.stdout.close()
    assert not record.exists()
    assert not group.parent.exists()
    assert not any(is_running(pid) for pid in members)


def test_a_process_that_only_has_a_dead_labs_number_is_left_alone(state: State) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as innocent:
        note(state, innocent.pid, ticks(innocent.pid) - 1)
        assert stop_labs(state, patience=0.1) == 0
        assert innocent.poll() is None
        innocent.kill()


def test_a_lab_in_another_place_is_not_stopped_here(state: State) -> None:
    elsewhere = {"user": "ada", "place": {"kind": "pod", "pid": 1, "start_ticks": ticks(1)}}
    record = state.run / "labs" / "ada.json"
    record.write_text(json.dumps(elsewhere))
    assert stop_labs(state, patience=0.1) == 0
    assert record.exists()


def test_a_lab_that_an_older_version_started_is_known(state: State) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as lab:
        record = state.run / "labs" / "ada.json"
        record.write_text(
            json.dumps({"user": "ada", "pid": lab.pid, "start_ticks": ticks(lab.pid), "port": 1})
        )
        assert [found.pid for found in live_labs(state)] == [lab.pid]
        lab.kill()


def test_a_record_that_cannot_be_read_stops_nothing(state: State) -> None:
    (state.run / "labs" / "torn.json").write_text('{"user": "ad')
    assert live_labs(state) == []
