"""A lab's logger as a real process: what it writes, drops and survives."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from firstlight_hub.spawner import log_writer
from firstlight_hub.spawner.log_writer import LogWriter
from tests.waiting import wait_for

PROGRAM = [sys.executable, "-I", "-S", log_writer.__file__]
MIB = 1024**2


def logger(log: Path, before: Callable[[], None] | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*PROGRAM, str(log)], stdin=subprocess.PIPE, preexec_fn=before)


def test_output_arrives_at_once_and_the_logger_ends_with_the_lab(tmp_path: Path) -> None:
    log = tmp_path / "lab.log"
    with logger(log) as process:
        assert process.stdin is not None
        process.stdin.write(b"no line feed yet")
        process.stdin.flush()
        wait_for(lambda: log.exists() and log.read_text() == "no line feed yet")
        process.send_signal(signal.SIGTERM)
        process.stdin.write(b"\n")
        process.stdin.close()
        assert process.wait(30) == 0
    assert log.read_text() == "no line feed yet\n"
    assert log.stat().st_mode & 0o777 == 0o600


def test_the_log_of_the_previous_lab_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "lab.log"
    for said in (b"one\n", b"two\n", b"three\n"):
        subprocess.run([*PROGRAM, str(log)], input=said, check=True, timeout=30)

    assert log.read_text() == "three\n"
    assert log.with_suffix(".log.1").read_text() == "two\n"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_gigabyte_costs_little_disk_and_does_not_block_the_lab(tmp_path: Path) -> None:
    log = tmp_path / "lab.log"
    with logger(log) as process:
        assert process.stdin is not None
        line = b"x" * 1023 + b"\n"
        for _ in range(1024):
            process.stdin.write(line * 1024)
        process.stdin.write(b"the end\n")
        process.stdin.flush()
        wait_for(lambda: b"of output dropped: more than" in log.read_bytes()[-200:])
        memory = Path(f"/proc/{process.pid}/status").read_text()
        process.stdin.write(b"after it\n")
        process.stdin.close()
        assert process.wait(60) == 0
    peak = next(int(line.split()[1]) for line in memory.splitlines() if line.startswith("VmHWM"))

    assert peak < 20_000  # KiB, most of it shared by all of them
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 11 * MIB
    assert log.read_bytes().endswith(b"\nafter it\n")


def test_a_lab_cannot_write_lines_that_look_like_the_loggers(tmp_path: Path) -> None:
    log = tmp_path / "lab.log"
    said = b"! one\nmiddle ! stays\n! two\n"
    subprocess.run([*PROGRAM, str(log)], input=said, check=True, timeout=30)

    assert log.read_bytes() == b" ! one\nmiddle ! stays\n ! two\n"


def test_nor_if_a_line_begins_in_a_block_of_its_own(tmp_path: Path) -> None:
    log = LogWriter(str(tmp_path / "lab.log"))
    log.write(b"a line\n")
    log.write(b"! forged\n")
    log.close()

    assert (tmp_path / "lab.log").read_bytes() == b"a line\n ! forged\n"


def test_a_full_log_is_rotated(tmp_path: Path) -> None:
    path = tmp_path / "lab.log"
    log = LogWriter(str(path), most=100)
    for number in range(30):
        log.write(b"line %06d\n" % number)
    log.close()

    assert path.read_text().endswith("line 000029\n")
    assert path.stat().st_size <= 100
    assert path.with_suffix(".log.1").stat().st_size <= 100


def test_a_log_that_cannot_be_written_neither_ends_nor_blocks_it(tmp_path: Path) -> None:
    log = tmp_path / "lab.log"

    def almost_full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))

    with logger(log, almost_full) as process:
        assert process.stdin is not None
        process.stdin.write(b"x" * MIB)
        process.stdin.flush()
        wait_for(lambda: log.exists() and log.stat().st_size == 1000)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        process.stdin.write(b"there is room again\n")
        process.stdin.close()
        assert process.wait(30) == 0
    assert "of output dropped: the log could not be written (File too large)" in log.read_text()
    assert log.read_text().endswith("there is room again\n")


def test_the_logger_of_a_lab_that_is_ending_leaves_the_next_ones_log_alone(tmp_path: Path) -> None:
    path = tmp_path / "lab.log"
    old = LogWriter(str(path), most=100)
    new = LogWriter(str(path), most=100)
    new.write(b"new\n")
    for _ in range(20):
        old.write(b"old old old old\n")
    new.write(b"newer\n")

    assert path.read_text() == "new\nnewer\n"
    assert set(path.with_suffix(".log.1").read_text().splitlines()) == {"old old old old"}


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="an old kernel")
def test_a_hundred_of_them_are_affordable(tmp_path: Path) -> None:
    processes = [logger(tmp_path / f"{number}.log") for number in range(3)]
    try:
        wait_for(lambda: len(list(tmp_path.glob("*.log"))) == 3)
        rollup = Path(f"/proc/{processes[0].pid}/smaps_rollup").read_text()
        private = [int(line.split()[1]) for line in rollup.splitlines() if "Private_" in line]
        assert sum(private) < 8000  # KiB
    finally:
        for process in processes:
            process.communicate(timeout=30)
