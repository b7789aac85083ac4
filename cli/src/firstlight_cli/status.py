"""``firstlight status``: what is running, where, and its health."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import BaseModel, TypeAdapter, ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from firstlight_cli.disk import shortage
from firstlight_cli.errors import OperatorError
from firstlight_cli.http import Hub, is_healthy
from firstlight_cli.labs import live_labs
from firstlight_cli.paths import PYTHON, State
from firstlight_cli.plan import read_runtime
from firstlight_cli.supervise import Process, Supervisor
from firstlight_cli.version import VERSION
from firstlight_common.commands import firstlight
from firstlight_common.runtime import Runtime, RuntimeComponent

__all__ = ["ComponentStatus", "Guarantee", "Status", "ask_isolation", "ask_status", "show_status"]


class ComponentStatus(BaseModel):
    """The state and health of a component."""

    name: str
    state: str
    pid: int
    uptime_seconds: int
    healthy: bool
    address: str


class Guarantee(BaseModel):
    """A restriction on labs, and whether this machine enforces it."""

    name: str
    enforced: bool
    detail: str


class Status(BaseModel):
    """What ``firstlight status --json`` prints; None is for what only the hub knows."""

    url: str
    state_dir: Path
    version: str
    demo: bool
    components: list[ComponentStatus]
    people: int | None
    labs: list[str] | None
    shortage: str | None
    isolation: list[Guarantee]


_GUARANTEES = TypeAdapter(list[Guarantee])


def ask_status(state: State) -> Status:
    """Ask the supervisor, each component and the hub for their state.

    Raises
    ------
    OperatorError
        If no platform runs from this state directory.
    """
    runtime = read_runtime(state)
    processes = Supervisor(state).processes() if runtime else None
    if runtime is None or processes is None:
        raise OperatorError(
            f"No platform runs from {state.root}.{_labs_go_on(state)}",
            f"Start it with `{_up_as_before(runtime, state)}`, or name its --state-dir.",
        )
    components = list(runtime.running())
    with ThreadPoolExecutor(len(components)) as pool:
        healthy = list(pool.map(lambda component: is_healthy(component.health), components))
    hub = Hub(state)
    people, labs = _names(hub), _names(hub, state="active")
    return Status(
        url=runtime.public_url + "/",
        state_dir=state.root,
        version=VERSION,
        demo=runtime.demo,
        components=[
            _status(component, processes.get(component.name), healthy=well)
            for component, well in zip(components, healthy, strict=True)
        ],
        people=None if people is None else len(people),
        labs=labs,
        shortage=shortage(state),
        isolation=ask_isolation(state),
    )


def _up_as_before(runtime: Runtime | None, state: State) -> str:
    """Return the command that starts the platform with the options of its last run."""
    options: list[str] = []
    if runtime is not None:
        options += ["--port", str(runtime.port)]
        options += ["--config", str(runtime.config)] if runtime.config else []
        options += ["--demo"] if runtime.demo else []
    return firstlight("up", *options, state_dir=state.root)


def _labs_go_on(state: State) -> str:
    """Return a sentence about labs that outlived the platform; empty if there are none."""
    labs = len(live_labs(state))
    verb = "is" if labs == 1 else "are"
    return f" {_count_of(labs, 'lab', 'labs')} of it {verb} still running." if labs else ""


def _status(
    component: RuntimeComponent, process: Process | None, *, healthy: bool
) -> ComponentStatus:
    return ComponentStatus(
        name=component.name,
        state=process.state if process else "unknown",
        pid=process.pid if process else 0,
        uptime_seconds=process.uptime if process else 0,
        healthy=healthy,
        address=component.health,
    )


def _names(hub: Hub, *, state: str = "") -> list[str] | None:
    """Return the names of people in a state; None while the hub is unavailable."""
    try:
        return list(hub.users(state=state))
    except OperatorError:
        return None


class _Spawner(BaseModel):
    isolation: str = "auto"
    user_namespaces: bool = False


class _Settings(BaseModel):
    spawner: _Spawner


def ask_isolation(state: State) -> list[Guarantee]:
    """Ask the hub's spawner what this machine enforces for labs; empty if it cannot tell."""
    try:
        spawner = _Settings.model_validate_json(state.settings.read_text()).spawner
    except (OSError, ValueError):
        spawner = _Spawner()
    program = [PYTHON, "-m", "firstlight_hub.spawner.report", "--json"]
    program += ["--isolation", spawner.isolation]
    program += ["--user-namespaces"] if spawner.user_namespaces else []
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    try:
        return _GUARANTEES.validate_json(done.stdout)
    except ValidationError:
        return []


def show_status(status: Status) -> None:
    """Print a status as a table."""
    console = Console(highlight=False)
    console.print(Text.assemble("First Light ", status.version, " at ", (status.url, "cyan")))
    console.print(_table(status.components))
    if status.people is not None and status.labs is not None:
        named = f": {', '.join(status.labs)}" if status.labs else ""
        known = _count_of(status.people, "person", "people")
        console.print(f"{known} known, {_count_of(len(status.labs), 'lab', 'labs')} running{named}")
    if status.shortage:
        console.print(Text(f"✗ {status.shortage}", "red"), soft_wrap=True)


def _table(components: Iterable[ComponentStatus]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bright_black")
    for heading in ("component", "state", "pid", "up", "address"):
        table.add_column(heading)
    for component in components:
        well = component.healthy
        table.add_row(
            Text(component.name),
            Text("✓ healthy" if well else f"✗ {component.state}", "green" if well else "red"),
            str(component.pid or "–"),
            _human(component.uptime_seconds),
            Text(component.address, "bright_black"),
        )
    return table


def _count_of(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _human(seconds: int) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
