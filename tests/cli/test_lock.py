from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from firstlight_cli import lock
from firstlight_cli.errors import OperatorError
from firstlight_cli.lock import holder, own
from firstlight_cli.paths import State
from tests.platform_under_test import wait_for

HOLD = (
    "import sys, time; from pathlib import Path; from firstlight_cli.lock import own;"
    "from firstlight_cli.paths import State\n"
    "with own(State(Path(sys.argv[1]))): print('held', flush=True); time.sleep(600)"
)
START_A_PROGRAM = (
    "import subprocess, sys, time; from pathlib import Path; from firstlight_cli.lock import own;"
    "from firstlight_cli.paths import State\n"
    "with own(State(Path(sys.argv[1]))) as lock:\n"
    "  subprocess.Popen(['sh', '-c', 'touch \"$0\"; while [ -e \"$0\" ]; do sleep 0.1; done',"
    " sys.argv[2]], pass_fds=(lock,))\n"
    "  time.sleep(600)"
)


def test_a_second_is_refused_and_the_first_is_named(state: State) -> None:
    assert holder(state) is None
    command = [sys.executable, "-c", HOLD, state.root]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        first.stdout.readline()
        with pytest.raises(OperatorError, match=rf"process {first.pid}\b"), own(state):
            pass
        assert holder(state) == first.pid
        first.kill()
    with own(state):
        pass
    assert holder(state) is None


def test_after_a_kill_its_programs_are_waited_for(state: State, tmp_path: Path) -> None:
    works = tmp_path / "works"
    command = [sys.executable, "-c", START_A_PROGRAM, state.root, works]
    with subprocess.Popen(command) as first:
        wait_for(works.exists, what="the program")
        first.kill()
    assert holder(state) is None
    with state.lock.open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with subprocess.Popen(["sh", "-c", 'sleep 0.5; rm "$0"', works]), own(state):
        assert not works.exists()


def test_a_program_that_does_not_end_is_not_waited_for_forever(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_ORPHAN_SECONDS", 0.2)
    with state.lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(OperatorError, match="process unknown"), own(state):
            pass
