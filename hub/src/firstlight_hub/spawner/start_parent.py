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

__all__ = ["LabProcess", "ProcessStartError", "child_command", "start_process"]

_CHILD = Path(__file__).with_name("start_child.py")
_LOGGER = Path(__file__).with_name("log_writer.py")


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

    def __init__(
        self, process: subprocess.Popen[bytes], logger: subprocess.Popen[bytes], status: int
    ) -> None:
        self._process = process
        self._logger = logger
        self._status = status
        self.pid = process.pid
        self.start_ticks = processes.start_ticks(process.pid)

    def ended(self) -> int | None:
        """Return None while it runs, else its exit code; it is reaped then."""
        return self._process.poll()

    def wait_for_log(self, seconds: float = 2) -> None:
        """Wait until the log has all output of a lab that has ended, but not for long."""
        with suppress(subprocess.TimeoutExpired):
            self._logger.wait(seconds)

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
        Receives the lab's output, through a process that the lab cannot reach.

    Raises
    ------
    OSError
        If a process cannot be created.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    output, to_log = os.pipe()
    status, from_child = os.pipe()
    try:
        logger = _start(_logger_command(log_file), stdin=output, stdout=subprocess.DEVNULL)
        process = _start(
            child_command(from_child), stdin=subprocess.PIPE, stdout=to_log, keep=(from_child,)
        )
    except OSError:
        os.close(status)
        raise
    finally:
        for descriptor in (output, to_log, from_child):
            os.close(descriptor)
    return LabProcess(process, logger, status)


def _logger_command(log_file: Path) -> list[str]:
    return [sys.executable, "-I", "-S", str(_LOGGER), str(log_file)]


def _start(
    command: list[str], *, stdin: int, stdout: int, keep: tuple[int, ...] = ()
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        pass_fds=keep,
        start_new_session=True,
        env={"PATH": "/usr/bin:/bin"},
        cwd="/",
    )
