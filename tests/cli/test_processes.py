from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from firstlight_cli.leftovers import end_components, stop_leftovers
from firstlight_cli.paths import State
from firstlight_cli.processes import Recorded, end, read_records, record_self
from tests.platform_under_test import wait_for

STUBBORN = (
    "import signal, sys, time; from pathlib import Path;"
    "from firstlight_cli.processes import record_self;"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "record_self(Path(sys.argv[1]), 'tap'); time.sleep(600)"
)


@pytest.fixture
def stubborn(state: State) -> Iterator[subprocess.Popen[bytes]]:
    """Return a recorded process that leads its group and ignores SIGTERM."""
    command = [sys.executable, "-c", STUBBORN, state.processes]
    with subprocess.Popen(command, process_group=0) as process:
        wait_for((state.processes / "tap").exists, what="the record")
        yield process
        process.kill()


def test_a_process_records_itself(state: State) -> None:
    record_self(state.processes, "hub")
    assert [(one.name, one.pid) for one in read_records(state.processes)] == [("hub", os.getpid())]
    assert state.processes.stat().st_mode & 0o777 == 0o700


def test_a_reused_process_id_is_not_taken_for_the_recorded_process(state: State) -> None:
    record_self(state.processes, "hub")
    file = state.processes / "hub"
    pid, ticks = file.read_text().split()
    file.write_text(f"{pid} {int(ticks) + 1}\n")
    assert read_records(state.processes) == []
    Recorded("hub", int(pid), int(ticks) + 1).signal(signal.SIGKILL)  # or this test would end here


def test_what_does_not_end_when_asked_is_killed(
    state: State, stubborn: subprocess.Popen[bytes]
) -> None:
    end(read_records(state.processes), patience=0.3)
    assert stubborn.wait(5) == -signal.SIGKILL


def test_what_ends_when_asked_is_not_waited_for(state: State) -> None:
    with subprocess.Popen(["sleep", "600"]) as process:
        ticks = int(Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19])
        began = time.monotonic()
        end([Recorded("tap", process.pid, ticks)], patience=600)
        assert time.monotonic() - began < 300
        assert process.wait(5) == -signal.SIGTERM


def test_leftovers_are_counted_and_ended(state: State, stubborn: subprocess.Popen[bytes]) -> None:
    assert end_components(state) == 1
    assert stubborn.wait(5) == -signal.SIGKILL
    assert not stop_leftovers(state)
