"""``firstlight up``: start everything, say where it is, stop everything."""

from __future__ import annotations

import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType

import click

from firstlight_cli.access import mint_link
from firstlight_cli.console import Console
from firstlight_cli.disk import require_room, shortage
from firstlight_cli.errors import OperatorError
from firstlight_cli.http import is_healthy
from firstlight_cli.keeper import STOPPING, Keeper
from firstlight_cli.labs import live_labs, stop_labs
from firstlight_cli.leftovers import end_components, stop_leftovers
from firstlight_cli.lock import holder, own
from firstlight_cli.logs import tail
from firstlight_cli.paths import State, write_private
from firstlight_cli.plan import Plan, has_switch, unused_configuration, write_plan
from firstlight_cli.ports import hold, other_loopback
from firstlight_cli.prepare import prepare
from firstlight_cli.reload import ConfigWatch
from firstlight_cli.secrets import ensure_secrets
from firstlight_cli.supervise import Supervisor, render_configuration
from firstlight_common.commands import firstlight
from firstlight_common.runtime import RuntimeComponent

__all__ = ["stop", "up"]

_ADMIN_LINK_SECONDS = 86400
_START_SECONDS = 90
_CRASH_LOOP_SECONDS = 12
"""A component that still ends right after its start by then will not recover."""
_TRIES = 3
"""Processes of a component that may end after that; one of them may be no process at all."""

_CORRECTED_SECONDS = 10
"""How long a component that ended because of its configuration waits for its next start."""

_STOP_SECONDS = 60


class _Stop(BaseException):
    """Ctrl-C, or SIGTERM from a service manager."""


def _raise_stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise _Stop


def up(root: Path, *, port: int, config: Path | None, demo: bool, bind: str | None) -> None:
    """Run a platform in the foreground until Ctrl-C.

    Labs of an earlier run that was killed are taken over: they keep their kernels.

    Raises
    ------
    OperatorError
        If it cannot be started, or cannot go on; then nothing is left running, but for labs that
        have started.
    """
    console = Console()
    state = State(root)
    require_room(state)
    state.make()
    with own(state) as lock:
        for number in STOPPING:
            signal.signal(number, _raise_stop)
        keeper = Keeper(state, console)
        try:
            end_components(state)  # before ports are chosen: labs call the hub at the old one
            taken_over = len(live_labs(state))
            plan = write_plan(state, port=port, config=config, demo=demo, bind=bind)
            ensure_secrets(state, plan.runtime)
            prepare(plan.runtime, lock)
            components = tuple(plan.runtime.running())
            with _held(plan):
                write_private(state.supervisor_conf, render_configuration(state, components))
                keeper.start()
                _wait(state, components, keeper, console)
                _greet(plan, console, taken_over)
                _watch(plan, components, keeper, console)
        except _Stop:
            _stop_everything(state, keeper, console)
        except OperatorError as error:
            _ignore_stops()
            keeper.stop()
            raise _about_labs(error, state) from error
        except BaseException:
            _ignore_stops()
            keeper.stop()
            raise


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


def _about_labs(error: OperatorError, state: State) -> OperatorError:
    """Return the error, which also says that labs go on, if there are any."""
    if not live_labs(state):
        return error
    labs = (
        "Labs are still running. The next start takes them over; this ends them: "
        f"{firstlight('stop', state_dir=state.root)}"
    )
    return OperatorError(error.message, f"{error.fix}\n  {labs}".strip())


def _wait(
    state: State,
    components: tuple[RuntimeComponent, ...],
    keeper: Keeper,
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
    supervisor = Supervisor(state)
    with console.waiting() as line:
        while waiting:
            for component in [one for one in waiting if is_healthy(one.health)]:
                waiting.remove(component)
                console.done(component.name, time.monotonic() - began)
            line(", ".join(component.name for component in waiting))
            keeper.check()
            if waiting and time.monotonic() > end:
                raise _does_not_start(state, waiting[0].name)
            late = time.monotonic() > began + _CRASH_LOOP_SECONDS
            known = supervisor.processes() or {} if waiting else {}
            for name in (one.name for one in waiting if one.name in known):
                if known[name].misconfigured:
                    raise _does_not_start(state, name)
                if late:
                    # It ends within a second of its start, or later, but again and again.
                    tries[name].add(known[name].pid)
                    if known[name].state == "backoff" or len(tries[name]) > _TRIES:
                        raise _does_not_start(state, name)
            time.sleep(0.1)


def _does_not_start(state: State, name: str) -> OperatorError:
    fix = f"The whole log: {firstlight('logs', name, state_dir=state.root)}"
    if has_switch(state, name):
        fix += f"\n  To start without it: services.{name}.enabled: false in platform.yaml."
    return OperatorError(
        f"The component {name} does not start. The end of its log:\n" + tail(state, name, 15), fix
    )


def _greet(plan: Plan, console: Console, taken_over: int) -> None:
    link = mint_link(plan.state, "operator", admin=True, seconds=_ADMIN_LINK_SECONDS)
    runtime = plan.runtime
    listens = f"{runtime.bind}:{runtime.port}"
    console.greet(runtime.public_url, link, listens=listens, demo=runtime.demo)
    if unused := unused_configuration(runtime.config):
        console.note(f"{unused.message} {unused.fix}")
    if taken_over:
        what = "lab of an earlier run goes" if taken_over == 1 else "labs of an earlier run go"
        console.note(f"{taken_over} {what} on; Ctrl-C stops all labs")


def _watch(
    plan: Plan,
    components: tuple[RuntimeComponent, ...],
    keeper: Keeper,
    console: Console,
) -> None:
    """Report what changes until told to stop: restarts, disk space, the configuration."""
    state, config = plan.state, ConfigWatch(plan)
    supervisor = Supervisor(state)
    known = {name: process.pid for name, process in (supervisor.processes() or {}).items()}
    health = {component.name: component.health for component in components}
    said: str | None = None
    again: dict[str, float] = {}
    while True:
        time.sleep(1)
        keeper.check()
        if (short := shortage(state)) != said:
            console.note(short or "there is free disk space again")
            said = short
        if told := config.look():
            console.note(told)
        for name, process in (supervisor.processes() or {}).items():
            if process.misconfigured and time.monotonic() > again.get(name, 0):
                if name not in again:
                    console.note(f"{name} cannot run: {tail(state, name, 1).strip()}")
                again[name] = time.monotonic() + _CORRECTED_SECONDS
                supervisor.start(name)
            if process.pid and process.pid != known.get(name) and is_healthy(health[name]):
                console.note(f"{name} had stopped; it is running again")
                known[name] = process.pid
                again.pop(name, None)


def _ignore_stops() -> None:
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)


def _stop_everything(state: State, keeper: Keeper, console: Console) -> None:
    _ignore_stops()
    began = time.monotonic()
    click.echo()
    console.note("stopping")
    keeper.stop()
    labs = stop_labs(state)
    stopped = f"stopped{f', and {labs} lab' + 's' * (labs > 1) if labs else ''}"
    console.done(stopped, time.monotonic() - began)


def stop(root: Path) -> bool:
    """Stop the platform of a state directory, or what a killed one left; return if there was one.

    Raises
    ------
    OperatorError
        If it does not stop.
    """
    state = State(root)
    if not state.lock.exists():
        return False
    if pid := holder(state):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        _wait_for_end(state, pid)
        return True
    with own(state):
        return stop_leftovers(state)


def _wait_for_end(state: State, pid: int) -> None:
    end = time.monotonic() + _STOP_SECONDS
    while holder(state) == pid:
        if time.monotonic() > end:
            raise OperatorError(
                f"Process {pid} has not stopped the platform within {_STOP_SECONDS} seconds.",
                f"End it with `kill -9 {pid}`, then run this command again.",
            )
        time.sleep(0.1)
