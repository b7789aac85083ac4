"""The supervisor: its configuration, and a client for it."""

from __future__ import annotations

import os
import subprocess
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from threading import Thread
from typing import TypedDict
from xmlrpc.client import Fault, ServerProxy

from pydantic import TypeAdapter
from supervisor.xmlrpc import SupervisorTransport

from firstlight_cli.paths import PYTHON, State
from firstlight_common.runtime import RuntimeComponent

__all__ = ["Process", "Supervisor", "SupervisorProcess", "render_configuration"]

_HEAD = """\
; Written by `firstlight up` at each start; changes here are lost. No secrets in here.
[supervisord]
nodaemon = true
logfile = {logs}/supervisor.log
logfile_maxbytes = 5MB
logfile_backups = 1
pidfile = {run}/supervisor.pid
silent = true
strip_ansi = true
{user}
[unix_http_server]
file = {socket}
chmod = 0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""

_PROGRAM = """
[program:{name}]
command = {python} -m firstlight_cli._run {name} --state-dir "{state}"
priority = {priority}
autorestart = unexpected
exitcodes = {wrong}
startsecs = 1
startretries = 1000
stopsignal = TERM
stopwaitsecs = 8
stopasgroup = true
killasgroup = true
redirect_stderr = true
stdout_logfile = {logs}/{name}.log
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 3
"""


def render_configuration(state: State, components: Iterable[RuntimeComponent]) -> str:
    """Return supervisord's configuration for the components."""

    def escaped(value: object) -> str:
        return str(value).replace("%", "%%")

    places = {"logs": escaped(state.logs), "run": escaped(state.run)}
    head = _HEAD.format(
        **places,
        socket=escaped(state.supervisor_socket),
        user="user = root\n" if os.geteuid() == 0 else "",
    )
    programs = [
        _PROGRAM.format(
            **places,
            name=component.name,
            priority=10 + number,
            python=escaped(PYTHON),
            state=escaped(state.root),
            wrong=os.EX_CONFIG,
        )
        for number, component in enumerate(components)
    ]
    return head + "".join(programs)


class _Info(TypedDict):
    """What ``supervisor.getAllProcessInfo`` says of a process, as far as it is used here."""

    name: str
    statename: str
    pid: int
    now: int
    start: int
    exitstatus: int


_INFO = TypeAdapter(list[_Info])
_UNANSWERED = (OSError, HTTPException, Fault)


@dataclass(frozen=True)
class Process:
    """What the supervisor knows about a component."""

    name: str
    state: str
    pid: int
    uptime: int
    """Seconds since its start; 0 if it does not run."""
    misconfigured: bool
    """Whether it ended because of its configuration, with ``EX_CONFIG``, and waits for a start."""


class Supervisor:
    """Asks a running supervisor through its socket."""

    def __init__(self, state: State) -> None:
        self._transport = SupervisorTransport(serverurl=f"unix://{state.supervisor_socket}")
        self._server = ServerProxy("http://127.0.0.1", transport=self._transport)

    def processes(self) -> dict[str, Process] | None:
        """Return the components' processes by name, or None if no supervisor answers."""
        try:
            found = _INFO.validate_python(self._server.supervisor.getAllProcessInfo())
        except _UNANSWERED:
            return None
        finally:
            self._transport.close()
        return {
            entry["name"]: Process(
                entry["name"],
                entry["statename"].lower(),
                entry["pid"],
                entry["now"] - entry["start"] if entry["pid"] else 0,
                not entry["pid"] and entry["exitstatus"] == os.EX_CONFIG,
            )
            for entry in found
        }

    def start(self, name: str) -> None:
        """Ask the supervisor to start a component that has ended."""
        with suppress(*_UNANSWERED):
            self._server.supervisor.startProcess(name, False)  # without waiting for it
        self._transport.close()

    def shutdown(self) -> None:
        """Ask the supervisor to stop everything and itself."""
        with suppress(*_UNANSWERED):
            self._server.supervisor.shutdown()
        self._transport.close()


class SupervisorProcess:
    """The supervisor's process, and the last lines of its output.

    Notes
    -----
    The supervisor reports there when it cannot write its log. If its output went to a file on the
    same full disk, it could not report anything, and would end.
    """

    def __init__(self, state: State) -> None:
        program = (PYTHON, "-m", "firstlight_cli._run", "supervisor")
        self._state = state
        state.make_room_for_socket()
        self.process = subprocess.Popen(
            [*program, "--state-dir", str(state.root)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for this process alone; it stops the others in their order.
            start_new_session=True,
        )
        self._lines: deque[bytes] = deque(maxlen=15)
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        self._lines.extend(self.process.stdout or ())

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self.process.poll() is not None

    def stop(self, *, patience: float = 12) -> None:
        """Ask it to stop the components and itself; kill it after `patience` seconds.

        Notes
        -----
        It sends each component one SIGTERM, and waits. A component that it has just forked still
        runs the supervisor's program, which swallows the signal: so this waits until each has
        become its own program.
        """
        end = time.monotonic() + 3
        while not (self.ended or self._components_hear()) and time.monotonic() < end:
            time.sleep(0.05)
        self.process.terminate()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _components_hear(self) -> bool:
        """Return whether all components were started, and are programs of their own by now."""
        known = Supervisor(self._state).processes() or {}
        return bool(known) and all(
            process.state not in {"stopped", "starting"} or _hears(process.pid)
            for process in known.values()
        )

    def last_output(self) -> str:
        """Return its last lines; it has ended."""
        self._reader.join(1)
        return b"".join(self._lines).decode(errors="replace").rstrip()


def _hears(pid: int) -> bool:
    try:
        return bool(pid) and b"supervisord" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True  # it has ended already
