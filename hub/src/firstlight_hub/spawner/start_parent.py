"""The hub's side of a lab's start: create the process and send it the specification.

The process itself runs `firstlight_hub.spawner.start_child`. A fork server will replace this.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from firstlight_hub.spawner import processes
from firstlight_hub.spawner.models import LabSpec

__all__ = ["LabProcess", "ProcessStartError", "child_command", "start_process", "tail"]

_CHILD = Path(__file__).with_name("start_child.py")
_LOG_LINES = 25


class ProcessStartError(Exception):
    """A process could not become a lab.

    Parameters
    ----------
    step
        What it was doing.
    problem
        The operating system's message.
    """

    def __init__(self, step: str, problem: str) -> None:
        super().__init__(f"{step}: {problem}")
        self.step = step
        self.problem = problem


class LabProcess:
    """A process that is about to become a lab.

    Attributes
    ----------
    pid, start_ticks
        Together they identify the process uniquely.
    """

    def __init__(self, process: subprocess.Popen[bytes], status: int) -> None:
        self._process = process
        self._status = status
        self.pid = process.pid
        self.start_ticks = processes.start_ticks(process.pid)

    def ended(self) -> int | None:
        """Return None while it runs, else its exit code; it is reaped then."""
        return self._process.poll()

    async def become(self, spec: LabSpec) -> None:
        """Send the specification; return when the process has become the lab's program.

        Raises
        ------
        ProcessStartError
            If it cannot.
        """
        answer = await asyncio.to_thread(self._converse, json.dumps(spec.as_json()).encode())
        if answer:
            problem = json.loads(answer)
            raise ProcessStartError(problem["step"], problem["error"])

    def _converse(self, specification: bytes) -> bytes:
        """Write the specification and return the child's answer, which is empty on success."""
        with suppress(BrokenPipeError):
            if self._process.stdin is not None:
                self._process.stdin.write(specification)
                self._process.stdin.close()
        with os.fdopen(self._status, "rb") as status:
            return status.read()


def child_command(status: int) -> list[str]:
    """Return the command of a child that reports errors to a file descriptor."""
    return [sys.executable, "-I", "-S", str(_CHILD), str(status)]


def start_process(log_file: Path) -> LabProcess:
    """Start a process in its own session, so that it outlives the hub.

    Parameters
    ----------
    log_file
        Receives the lab's output; the previous log is kept next to it.

    Raises
    ------
    OSError
        If the process or the log cannot be created.
    """
    log = _open_log(log_file)
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(
            child_command(writing),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=(writing,),
            start_new_session=True,
            env={"PATH": "/usr/bin:/bin"},
        )
    except OSError:
        os.close(reading)
        raise
    finally:
        os.close(writing)
        os.close(log)
    return LabProcess(process, reading)


def tail(path: Path) -> str:
    """Return the end of a lab's log."""
    with suppress(OSError):
        return "\n".join(path.read_text(errors="replace").splitlines()[-_LOG_LINES:])
    return ""


def _open_log(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        path.replace(path.with_suffix(".log.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
