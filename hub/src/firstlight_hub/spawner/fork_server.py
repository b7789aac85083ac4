"""A process of the labs' environment that has imported a lab's server, and forks labs on request.

Run as ``python fork_server.py SOCKET MODULE`` with the labs' interpreter. It calls the module's
function ``prepare``. A lab that is forked has everything imported that this imports, and shares the
memory with all others. In each lab, behind its walls, it calls the module's function ``begin``.
Like `start_child`, this file uses only the standard library, and imports nothing of ours but that.

The protocol: the client connects, and sends one line of JSON, a `Request`, together with one
descriptor. It is answered by a line with the new process's id and the time of its start, `Born`;
from then on the connection belongs to that process. A lab expects its specification next, up to the
end of what the client writes, and answers as `start_child` does: with nothing if all went well.

Notes
-----
Only processes of this account are answered (``SO_PEERCRED``, unix(7)), and the socket is in a
directory of the platform's own.

Before a fork there may be no second thread of Python's, no event loop and no context of ZeroMQ: a
child would have them in an undefined state. `main` checks the first; tests check the others. The
one idle thread that Apache Arrow starts when it is imported does no harm: its library starts anew
after a fork.

Nothing here holds a secret: what is in this process's memory can be read by every lab.

All labs that one process forks have the same address layout and the same seed of hashes. At SIGHUP
it becomes a new process, for the labs that are still to come; the hub sends it daily.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import locale
import os
import random
import runpy
import select
import signal
import site
import socket
import struct
import sys
import sysconfig
import tempfile
import threading
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn, Protocol, TypedDict

if TYPE_CHECKING:
    from firstlight_hub.spawner import log_writer, start_child
elif __name__ == "__main__":
    import log_writer
    import start_child

    del sys.path[0]  # this file's directory: labs are not to import from it
else:
    from firstlight_hub.spawner import log_writer, start_child

__all__ = ["Born", "ProtocolError", "Request", "main", "read_request"]

_MOST = 4096
"""Bytes of a request."""
_LISTENER = "FIRSTLIGHT_LISTENER"
_PATIENCE = 30
"""Seconds after which a client that says nothing is left."""
_PR_SET_DUMPABLE, _PR_SET_NAME = 4, 15


class Request(TypedDict):
    """What to become: a lab, whose output the descriptor takes, or the logger that reads it."""

    kind: Literal["lab", "log"]
    log: str


class Born(TypedDict):
    """The process that a request got, and its interpreter."""

    pid: int
    ticks: int
    python: str


class Preloaded(Protocol):
    """The module that is imported before labs are forked."""

    def prepare(self) -> None:
        """Import what labs need."""

    def begin(self) -> None:
        """Prepare a lab."""


class ProtocolError(ValueError):
    """A request is not one."""


def read_request(line: bytes, descriptors: Sequence[int]) -> Request:
    """Return the request that a line is.

    Raises
    ------
    ProtocolError
        If it is not one, or has not exactly one descriptor.
    """
    if not line.endswith(b"\n"):
        raise ProtocolError("a request is one short line")
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("this is not JSON") from error
    if not isinstance(found, dict) or set(found) != {"kind", "log"}:
        raise ProtocolError("a request has a kind and a log")
    kind, log = found["kind"], found["log"]
    if kind not in ("lab", "log") or not isinstance(log, str) or "\0" in log:
        raise ProtocolError("the kind is lab or log, and the log is a path")
    if len(descriptors) != 1:
        raise ProtocolError("a request comes with one descriptor")
    return {"kind": kind, "log": log}


def main() -> None:
    """Import the module, then fork a process for each request."""
    path, name = sys.argv[1:]
    _need_clean_start()
    listener = _inherited() or _listen(path)
    preloaded: Preloaded = importlib.import_module(name)
    preloaded.prepare()
    if threading.active_count() > 1:
        sys.exit("A module has started a thread, so this process cannot be forked.")
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    gc.collect()
    gc.freeze()  # a collection would write to pages that labs share
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, lambda *_: _renew_generation(listener))
    while True:
        readable, _, _ = select.select([listener], [], [], 1)
        _reap()
        if readable:
            connection, _ = listener.accept()
            _serve(listener, connection, preloaded)


def _need_clean_start() -> None:
    """Start again if a variable of the operator's changes what Python does.

    Notes
    -----
    Not with ``-I``: what a kernel starts by multiprocessing would have that option as well.
    """
    if any(variable.startswith("PYTHON") for variable in os.environ):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        _start_again(clean)


def _listen(path: str) -> socket.socket:
    """Listen, in place of an earlier process; clients wait from now on."""
    folder, name = os.path.split(path)
    os.umask(0o077)
    os.makedirs(folder, mode=0o700, exist_ok=True)  # noqa: PTH103
    os.chdir(folder)  # an address has at most 107 bytes, see unix(7)
    Path(f"{name}.new").unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(f"{name}.new")
    listener.listen(256)
    Path(f"{name}.new").rename(name)
    os.chdir("/")
    return listener


def _renew_generation(listener: socket.socket) -> NoReturn:
    """Become a new process: with other addresses and hashes, and the same socket; clients wait."""
    os.set_inheritable(listener.fileno(), True)
    _start_again({**os.environ, _LISTENER: str(listener.fileno())})


def _start_again(variables: dict[str, str]) -> NoReturn:
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], variables)  # noqa: S606


def _inherited() -> socket.socket | None:
    """Return the socket of the process that this one was, if it was one."""
    descriptor = os.environ.pop(_LISTENER, "")
    if not descriptor:
        return None
    listener = socket.socket(fileno=int(descriptor))
    listener.set_inheritable(False)
    return listener


def _reap() -> None:
    """Let go of children that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _serve(listener: socket.socket, connection: socket.socket, preloaded: Preloaded) -> None:
    """Fork; in the child, this does not return."""
    with connection:
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        if struct.unpack("3i", credentials)[1] != os.geteuid():
            return
        try:
            child = os.fork()
        except OSError:
            return  # the client sees the end of the connection, and starts its process itself
        if child:
            return
        # What supervises this process must not end a lab with it.
        os.setsid()
        listener.close()
        _become(connection, preloaded)


def _become(connection: socket.socket, preloaded: Preloaded) -> NoReturn:
    """Do what the client asks, in a process of its own."""
    connection.settimeout(_PATIENCE)
    line, descriptors, _, _ = socket.recv_fds(connection, _MOST, 2)
    if not line:  # it only wanted to know whether somebody listens
        os._exit(0)
    try:
        request = read_request(line, descriptors)
    except ProtocolError as error:
        start_child.report(connection.fileno(), error)
        os._exit(2)
    (descriptor,) = descriptors
    born: Born = {"pid": os.getpid(), "ticks": _start_ticks(), "python": sys.executable}
    connection.sendall(json.dumps(born).encode() + b"\n")
    if request["kind"] == "log":
        connection.close()
        _log(descriptor, request["log"])
    connection.settimeout(None)
    status = _keep_only(connection.detach(), output=descriptor)
    _lab(status, preloaded)


def _start_ticks() -> int:
    return int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])


def _log(pipe: int, path: str) -> NoReturn:
    """Become a lab's logger."""
    _name("lab-log")
    null = os.open(os.devnull, os.O_RDWR)
    for target, source in enumerate((pipe, null, null)):
        os.dup2(source, target)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    sys.argv = [log_writer.__file__, path]
    log_writer.main()
    os._exit(0)


def _keep_only(connection: int, *, output: int) -> int:
    """Have the lab's output and the connection open, and nothing else; return the connection."""
    null = os.open(os.devnull, os.O_RDONLY)
    for target, source in enumerate((null, output, output, connection)):
        # None of the sources is among the targets: those are open in the fork server as well.
        os.dup2(source, target)
    os.closerange(4, os.sysconf("SC_OPEN_MAX"))
    return 3


def _lab(status: int, preloaded: Preloaded) -> NoReturn:
    """Become a lab."""
    os.umask(0o022)
    try:
        with os.fdopen(os.dup(status), "rb") as connection:
            spec: start_child.LabSpecification = json.load(connection)
        module, *arguments = _without_python(spec["command"])
        environment = start_child.enter(spec, status)
        _renew(environment)
        _name("jupyterhub-sing")
    except Exception as error:  # whatever it is, the hub has to know
        start_child.report(status, error)
        os._exit(125)
    os.close(status)
    preloaded.begin()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit(0)


def _without_python(command: list[str]) -> list[str]:
    """Return a module and its arguments."""
    if command[:3] != [sys.executable, "-I", "-m"]:
        raise ValueError(f"only {sys.executable} -I -m can be forked")
    return command[3:]


def _renew(environment: dict[str, str]) -> None:
    """Make this process what a new one would be: variables, time zone, random numbers, caches."""
    os.environ.clear()
    os.environ.update(environment)
    with suppress(locale.Error):  # Python ignores an unknown one, too
        locale.setlocale(locale.LC_CTYPE, "")
    time.tzset()
    random.seed()
    site.USER_BASE = site.USER_SITE = None
    importlib.reload(sysconfig)
    tempfile.tempdir = None
    tempfile._name_sequence = None  # type: ignore[attr-defined]
    # A process that changed its account is closed even to itself (proc(5)); a new one is not.
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as Python has it
    signal.set_wakeup_fd(-1)


def _name(title: str) -> None:
    """Set the name that ps(1) and top(1) show."""
    ctypes.CDLL(None).prctl(_PR_SET_NAME, title.encode(), 0, 0, 0)


if __name__ == "__main__":
    main()
