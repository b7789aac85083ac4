"""``firstlight up``: start everything, say where it is, stop everything."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

import click

from firstlight_cli.access import mint_link
from firstlight_cli.console import Console
from firstlight_cli.disk import require_room, shortage
from firstlight_cli.errors import OperatorError
from firstlight_cli.http import is_healthy
from firstlight_cli.labs import stop_labs
from firstlight_cli.logs import tail
from firstlight_cli.paths import State, write_private
from firstlight_cli.plan import Plan, read_runtime, write_plan
from firstlight_cli.ports import hold, other_loopback
from firstlight_cli.prepare import prepare
from firstlight_cli.reload import ConfigWatch
from firstlight_cli.secrets import ensure_secrets
from firstlight_cli.supervise import Supervisor, SupervisorProcess, render_configuration
from firstlight_common.runtime import RuntimeComponent

__all__ = ["stop", "up"]

_ADMIN_LINK_SECONDS = 86400
_START_SECONDS = 90
_CRASH_LOOP_SECONDS = 12
"""A component that still ends right after its start by then will not recover."""
_TRIES = 3
"""Processes of a component that may end after that; one of them may be no process at all."""

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Stop(BaseException):
    """Ctrl-C, or SIGTERM from a service manager."""


def _raise_stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise _Stop


def up(root: Path, *, port: int, config: Path | None, demo: bool, bind: str | None) -> None:
    """Run a platform in the foreground until Ctrl-C.

    Raises
    ------
    OperatorError
        If it cannot be started; then nothing is left running.
    """
    console = Console()
    state = State(root)
    require_room(state)
    state.make()
    with _own(state):
        for number in _STOPPING:
            signal.signal(number, _raise_stop)
        started: SupervisorProcess | None = None
        try:
            plan = write_plan(state, port=port, config=config, demo=demo, bind=bind)
            ensure_secrets(state, plan.runtime)
            prepare(plan.runtime)
            components = tuple(plan.runtime.running())
            with _held(plan):
                _write_supervisor_files(state, components)
                with _undisturbed():  # or there might be a supervisor that nobody knows
                    started = SupervisorProcess(state)
                _wait(state, components, started, console)
                _greet(plan, console)
                _watch(plan, components, started, console)
        except _Stop:
            pass
        finally:
            _stop_everything(state, started, console)


@contextmanager
def _own(state: State) -> Iterator[None]:
    """Hold the lock of the state directory: one platform for each directory."""
    descriptor = os.open(state.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            before = read_runtime(state)
            where = f", at {before.public_url}" if before else ""
            raise OperatorError(
                f"A platform already runs from {state.root}{where}.",
                "Stop it with `firstlight stop`, or name another --state-dir.",
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


@contextmanager
def _held(plan: Plan) -> Iterator[None]:
    """Hold the port on the loopback address that the proxy does not listen on."""
    runtime = plan.runtime
    other = other_loopback(runtime.bind)
    with ExitStack() as stack:
        try:
            stack.enter_context(hold(runtime.port, other))
        except OSError as error:
            raise OperatorError(
                f"Port {runtime.port} of {other} is taken, so another program would receive what "
                "browsers send to localhost.",
                "Stop what listens there, or choose another port with --port.",
            ) from error
        yield


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Delay Ctrl-C; a process started meanwhile has to unblock it for itself."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _write_supervisor_files(state: State, components: tuple[RuntimeComponent, ...]) -> None:
    _end_leftover(state)
    write_private(state.supervisor_conf, render_configuration(state, components))
    state.supervisor_socket.unlink(missing_ok=True)


def _end_leftover(state: State) -> None:
    """End a supervisor whose ``firstlight up`` was killed before it could."""
    supervisor = Supervisor(state)
    if supervisor.processes() is not None:
        supervisor.shutdown()
        end = time.monotonic() + 15
        while supervisor.processes() is not None and time.monotonic() < end:
            time.sleep(0.1)


def _wait(
    state: State,
    components: tuple[RuntimeComponent, ...],
    started: SupervisorProcess,
    console: Console,
) -> None:
    """Return when every component is healthy; print a line for each.

    Raises
    ------
    OperatorError
        If a component does not start in time; with the last lines of its log.
    """
    end = time.monotonic() + _START_SECONDS
    waiting = list(components)
    began = time.monotonic()
    tries: defaultdict[str, set[int]] = defaultdict(set)
    with console.waiting() as line:
        while waiting:
            for component in [one for one in waiting if is_healthy(one.health)]:
                waiting.remove(component)
                console.done(component.name, time.monotonic() - began)
            line(", ".join(component.name for component in waiting))
            if started.ended:
                raise _supervisor_ended(state, started)
            if waiting and time.monotonic() > end:
                raise _does_not_start(state, waiting[0].name)
            if waiting and time.monotonic() > began + _CRASH_LOOP_SECONDS:
                known = Supervisor(state).processes() or {}
                for name in (one.name for one in waiting if one.name in known):
                    # It ends within a second of its start, or later, but again and again.
                    tries[name].add(known[name].pid)
                    if known[name].state == "backoff" or len(tries[name]) > _TRIES:
                        raise _does_not_start(state, name)
            time.sleep(0.1)


def _does_not_start(state: State, name: str) -> OperatorError:
    return OperatorError(
        f"The component {name} does not start. The end of its log:\n" + tail(state, name, 15),
        f"The whole log: firstlight logs {name} --state-dir {state.root}. To start without it, if "
        f"it has such a setting: services.{name}.enabled: false.",
    )


def _supervisor_ended(state: State, started: SupervisorProcess) -> OperatorError:
    return OperatorError(
        "The supervisor ended unexpectedly. Its last output:\n" + started.last_output(),
        f"Its log: firstlight logs supervisor --state-dir {state.root}",
    )


def _greet(plan: Plan, console: Console) -> None:
    link = mint_link(plan.state, "operator", admin=True, seconds=_ADMIN_LINK_SECONDS)
    runtime = plan.runtime
    listens = f"{runtime.bind}:{runtime.port}"
    console.greet(runtime.public_url, link, listens=listens, demo=runtime.demo)


def _watch(
    plan: Plan,
    components: tuple[RuntimeComponent, ...],
    started: SupervisorProcess,
    console: Console,
) -> None:
    """Report what changes until told to stop: restarts, disk space, the configuration."""
    state, config = plan.state, ConfigWatch(plan)
    supervisor = Supervisor(state)
    known = {name: process.pid for name, process in (supervisor.processes() or {}).items()}
    health = {component.name: component.health for component in components}
    said: str | None = None
    while not started.ended:
        time.sleep(1)
        if (short := shortage(state)) != said:
            console.note(short or "there is free disk space again")
            said = short
        if told := config.look():
            console.note(told)
        for name, process in (supervisor.processes() or {}).items():
            if process.pid and process.pid != known.get(name) and is_healthy(health[name]):
                console.note(f"{name} had stopped; it is running again")
                known[name] = process.pid
    raise _supervisor_ended(state, started)


def _stop_everything(state: State, started: SupervisorProcess | None, console: Console) -> None:
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)
    if started is None:
        return
    began = time.monotonic()
    click.echo()
    started.stop()
    labs = stop_labs(state)
    state.supervisor_socket.unlink(missing_ok=True)
    stopped = f"stopped{f', and {labs} lab' + 's' * (labs > 1) if labs else ''}"
    console.done(stopped, time.monotonic() - began)


def stop(root: Path) -> bool:
    """Ask the ``firstlight up`` of a state directory to stop; return whether there was one."""
    state = State(root)
    if not state.lock.exists():
        return False
    with state.lock.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.kill(int(file.read()), signal.SIGTERM)
            fcntl.flock(file, fcntl.LOCK_EX)
            return True
    return False
