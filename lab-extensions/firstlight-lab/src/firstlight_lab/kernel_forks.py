"""A process of each lab from which its kernels are forked, so that they start at once.

A lab that was forked itself (`firstlight_hub.spawner.fork_server`) begins with this process, in
which everything is imported that most notebooks import. It is behind the lab's walls, and speaks
with the lab's server alone, over a pair of sockets that both inherited: nobody else has either end.

The protocol: each message is one packet of JSON, and is answered by one. ``Start`` is answered with
the process id of the kernel, ``Status`` with its exit status. When the server's end is closed, all
kernels are killed, and this process ends.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
from contextlib import suppress
from typing import Literal, NoReturn, TypedDict

from firstlight_lab import kernel_python

__all__ = ["ForkedKernel", "KernelForks", "Start", "begin", "of_lab"]

_MOST = 192 * 1024
"""Bytes of a message."""
_SECONDS = 10
"""Seconds after which the process that forks kernels is given up."""


class Start(TypedDict):
    """A kernel to start.

    Attributes
    ----------
    command
        The interpreter, the program and its arguments.
    environment, directory
        With which variables, and where.
    python
        What the interpreter would say about itself, as `kernel_python.ask` returns it.
    """

    kind: Literal["start"]
    command: list[str]
    environment: dict[str, str]
    directory: str
    python: kernel_python.Python


class Status(TypedDict):
    """The question how a kernel ended."""

    kind: Literal["status"]
    pid: int


_of_lab: KernelForks | None = None


def begin() -> None:
    """Fork the process that forks kernels, for the server that this process is about to become."""
    global _of_lab
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MOST)
    if os.fork() == 0:
        ours.close()
        _serve(theirs)
    theirs.close()
    _of_lab = KernelForks(ours)


def of_lab() -> KernelForks | None:
    """Return what forks the kernels of this process's lab; None if there is nothing of the kind."""
    return _of_lab


# --- the process that forks kernels


def _serve(connection: socket.socket) -> NoReturn:
    """Answer until the other end is closed."""
    kernel_python.set_name("kernel-forks")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # they are for the server, and the end of it is ours
    running: set[int] = set()
    ended: dict[int, int] = {}
    while True:
        readable, _, _ = select.select([connection], [], [], 1)
        _reap(running, ended)
        if readable:
            message = connection.recv(_MOST)
            if not message:
                _end(running)
            connection.send(_answer(connection, json.loads(message), running, ended))


def _answer(
    connection: socket.socket, message: Start | Status, running: set[int], ended: dict[int, int]
) -> bytes:
    if message["kind"] == "status":
        _reap(running, ended)
        return json.dumps({"status": ended.pop(message["pid"], 0)}).encode()
    try:
        pid = os.fork()
    except OSError as error:
        return json.dumps({"errno": error.errno}).encode()
    if pid == 0:
        _become(connection, message)
    running.add(pid)
    return json.dumps({"pid": pid}).encode()


def _reap(running: set[int], ended: dict[int, int]) -> None:
    """Keep the status of kernels that have ended."""
    with suppress(ChildProcessError):
        while True:
            pid, how = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            running.discard(pid)
            ended[pid] = os.waitstatus_to_exitcode(how)


def _end(running: set[int]) -> NoReturn:
    """End all kernels, and this process."""
    for pid in running:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    os._exit(0)


def _become(connection: socket.socket, message: Start) -> NoReturn:
    """Become a kernel."""
    os.setsid()
    connection.close()
    os.chdir(message["directory"])
    # A kernel ends when the process ends that this variable names.
    variables = {**message["environment"], "JPY_PARENT_PID": str(os.getppid())}
    kernel_python.become(message["command"], variables, message["python"])
    kernel_python.run(message["command"])


# --- the server's side


class KernelForks:
    """The server's end.

    Parameters
    ----------
    connection
        The connected socket.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._connection.settimeout(_SECONDS)

    def start(self, start: Start) -> ForkedKernel:
        """Start a kernel.

        Raises
        ------
        OSError
            If that is impossible.
        """
        answer = self._ask(start)
        if "errno" in answer:
            raise OSError(answer["errno"], os.strerror(answer["errno"]))
        return ForkedKernel(self, answer["pid"])

    def status(self, pid: int) -> int:
        """Return how a kernel ended: its exit status, negative for a signal."""
        try:
            return self._ask(Status(kind="status", pid=pid))["status"]
        except OSError:
            return -signal.SIGKILL

    def _ask(self, message: Start | Status) -> dict[str, int]:
        self._connection.send(json.dumps(message).encode())
        answer: dict[str, int] = json.loads(self._connection.recv(_MOST) or b"{}")
        if not answer:
            raise ConnectionError("the process that forks kernels has ended")
        return answer


class ForkedKernel:
    """A kernel's process, with the methods of `subprocess.Popen` that `jupyter_client` uses."""

    stdin = stdout = stderr = None

    def __init__(self, forks: KernelForks, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._forks = forks
        self._descriptor = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """Return None while it runs, else its status."""
        if self.returncode is None and select.select([self._descriptor], [], [], 0)[0]:
            os.close(self._descriptor)
            self.returncode = self._forks.status(self.pid)
        return self.returncode

    def wait(self) -> int:
        """Return its status when it has ended."""
        if self.returncode is None:
            select.select([self._descriptor], [], [])
        status = self.poll()
        return 0 if status is None else status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the process."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask the process to end."""
        self.send_signal(signal.SIGTERM)
