"""The hub's side of a lab's start: create the process and send it the specification.

The process is forked by `firstlight_hub.spawner.fork_server`, or runs
`firstlight_hub.spawner.start_child`.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import socket
import subprocess
import sys
from abc import ABC, abstractmethod
from contextlib import ExitStack, suppress
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from firstlight_common.sockets import connect
from firstlight_hub.spawner import processes
from firstlight_hub.spawner.fork_server import Born, Request
from firstlight_hub.spawner.models import LabSpec

__all__ = [
    "UNKNOWN",
    "ForkError",
    "LabProcess",
    "ProcessStartError",
    "child_command",
    "fork_process",
    "start_process",
]

_CHILD = Path(__file__).with_name("start_child.py")
_LOGGER = Path(__file__).with_name("log_writer.py")
_ANSWER_SECONDS = 30
"""A fork server that has just been started imports a lab's server first."""
UNKNOWN = 256
"""The exit code of a process that is no child of the hub: nobody told it."""
_BORN = TypeAdapter(Born)


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


class ForkError(Exception):
    """The fork server cannot be used; a process can be started without it."""


class LabProcess(ABC):
    """A process that is about to become a lab.

    Attributes
    ----------
    pid, start_ticks
        Together they identify the process uniquely.
    """

    def __init__(self, pid: int, start_ticks: int) -> None:
        self.pid = pid
        self.start_ticks = start_ticks

    @abstractmethod
    def ended(self) -> int | None:
        """Return None while it runs, else its exit code or `UNKNOWN`; it is reaped then."""

    @abstractmethod
    def wait_for_log(self, seconds: float = 2) -> None:
        """Wait until the log has all output of a lab that has ended, but not for long."""

    @abstractmethod
    def _converse(self, specification: bytes) -> bytes:
        """Write the specification and return the child's answer, which is empty on success."""

    @abstractmethod
    def give_up(self) -> None:
        """Let it end, instead of sending a specification."""

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


class _Started(LabProcess):
    """A child of the hub."""

    def __init__(
        self, process: subprocess.Popen[bytes], logger: subprocess.Popen[bytes], status: int
    ) -> None:
        super().__init__(process.pid, processes.start_ticks(process.pid))
        self._process = process
        self._logger = logger
        self._status = status

    def ended(self) -> int | None:
        return self._process.poll()

    def wait_for_log(self, seconds: float = 2) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._logger.wait(seconds)

    def give_up(self) -> None:
        self._process.communicate()
        os.close(self._status)

    def _converse(self, specification: bytes) -> bytes:
        with suppress(BrokenPipeError):
            if self._process.stdin is not None:
                self._process.stdin.write(specification)
                self._process.stdin.close()
        with os.fdopen(self._status, "rb") as status:
            return status.read()


class _Forked(LabProcess):
    """A child of the fork server."""

    def __init__(self, lab: Born, logger: Born, connection: socket.socket) -> None:
        super().__init__(lab["pid"], lab["ticks"])
        self._logger = logger
        self._connection = connection
        self._descriptor = os.pidfd_open(self.pid)

    def ended(self) -> int | None:
        if self._descriptor >= 0 and select.select([self._descriptor], [], [], 0)[0]:
            self._close()
        return None if self._descriptor >= 0 else UNKNOWN

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __del__(self) -> None:
        self._close()

    def wait_for_log(self, seconds: float = 2) -> None:
        with suppress(ProcessLookupError):
            descriptor = os.pidfd_open(self._logger["pid"])
            try:
                if processes.is_alive(self._logger["pid"], self._logger["ticks"]):
                    select.select([descriptor], [], [], seconds)
            finally:
                os.close(descriptor)

    def give_up(self) -> None:
        self._connection.close()

    def _converse(self, specification: bytes) -> bytes:
        with self._connection as connection:
            connection.settimeout(None)
            with suppress(BrokenPipeError):
                connection.sendall(specification)
                connection.shutdown(socket.SHUT_WR)
            return _read_all(connection)


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
    return _Started(process, logger, status)


def fork_process(server: Path, log_file: Path, python: Path | None = None) -> LabProcess:
    """Have the fork server fork a process in its own session, which outlives the hub and it.

    Parameters
    ----------
    server
        The fork server's socket.
    log_file
        As for `start_process`.
    python
        The interpreter that the process has to run, if that matters.

    Raises
    ------
    ForkError
        If it does not answer, or runs another interpreter.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        output, to_log = os.pipe()
        stack.callback(os.close, output)
        stack.callback(os.close, to_log)
        logger, connection = _ask(server, {"kind": "log", "log": str(log_file)}, output)
        connection.close()
        lab, connection = _ask(server, {"kind": "lab", "log": str(log_file)}, to_log)
        if python is not None and lab["python"] != str(python):
            connection.close()
            raise ForkError(f"it runs {lab['python']}, not {python}")
        try:
            return _Forked(lab, logger, connection)
        except ProcessLookupError as error:
            connection.close()
            raise ForkError("its process ended at once") from error


def _ask(server: Path, request: Request, descriptor: int) -> tuple[Born, socket.socket]:
    """Send a request; return the process that it got, and the connection to it."""
    try:
        connection = connect(server, seconds=_ANSWER_SECONDS)
    except OSError as error:
        raise ForkError(f"it is unavailable ({error})") from error
    try:
        socket.send_fds(connection, [json.dumps(request).encode() + b"\n"], [descriptor])
        answer = _read_line(connection)
        return _BORN.validate_json(answer), connection
    except (OSError, ValidationError) as error:
        connection.close()
        raise ForkError(str(error)) from error


def _read_line(connection: socket.socket) -> bytes:
    """Read a line, or to the end."""
    read = b""
    while not read.endswith(b"\n") and (block := connection.recv(4096)):
        read += block
    return read


def _read_all(connection: socket.socket) -> bytes:
    """Read to the end of what the other side writes."""
    read = b""
    with suppress(ConnectionResetError):
        while block := connection.recv(4096):
            read += block
    return read


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
