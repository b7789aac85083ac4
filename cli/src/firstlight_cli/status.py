"""``firstlight status``: what runs, where, and how it is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from firstlight_cli import __version__
from firstlight_cli.disk import shortage
from firstlight_cli.errors import OperatorError
from firstlight_cli.http import Hub, is_healthy
from firstlight_cli.parts import parts_of
from firstlight_cli.paths import State
from firstlight_cli.plan import read_runtime
from firstlight_cli.supervise import Supervisor

__all__ = ["ask_isolation", "ask_status", "show_status"]


def ask_status(state: State) -> dict[str, Any]:
    """Ask the supervisor, each part and the hub how they are.

    Raises
    ------
    OperatorError
        If no platform runs from this state directory.
    """
    runtime = read_runtime(state)
    processes = Supervisor(state).processes() if runtime else None
    if processes is None:
        raise OperatorError(
            f"No platform runs from {state.root}.",
            "Start it with `firstlight up`, or name its --state-dir.",
        )
    parts = parts_of(state, runtime, json.loads(state.settings.read_text()))
    with ThreadPoolExecutor(len(parts)) as pool:
        healthy = list(pool.map(lambda part: is_healthy(part.health), parts))
    hub = Hub(state)
    return {
        "url": runtime["public_url"] + "/",
        "state_dir": str(state.root),
        "version": __version__,
        "demo": runtime["demo"],
        "parts": [
            {
                "name": part.name,
                "state": processes[part.name].state if part.name in processes else "unknown",
                "pid": processes[part.name].pid if part.name in processes else 0,
                "uptime_seconds": processes[part.name].uptime if part.name in processes else 0,
                "healthy": well,
                "address": part.health,
            }
            for part, well in zip(parts, healthy, strict=True)
        ],
        "people": _count(hub),
        "labs": _labs(hub),
        "shortage": shortage(state),
        "isolation": ask_isolation(state),
    }


def _count(hub: Hub) -> int | None:
    """Count the people that the hub knows; None while it is away."""
    try:
        return sum(1 for _ in hub.users())
    except OperatorError:
        return None


def _labs(hub: Hub) -> list[str] | None:
    """Name the people whose lab runs; None while the hub is away."""
    try:
        return [person["name"] for person in hub.users(state="active")]
    except OperatorError:
        return None


def ask_isolation(state: State) -> list[dict[str, Any]]:
    """Ask the hub's spawner what labs are held to on this machine; empty if it cannot tell."""
    try:
        mode = json.loads(state.settings.read_text())["spawner"]["isolation"]
    except (OSError, ValueError, KeyError):
        mode = "auto"
    program = (sys.executable, "-m", "firstlight_hub.spawner.report", "--json")
    done = subprocess.run(
        [*program, "--isolation", mode], capture_output=True, text=True, check=False
    )
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)
    except ValueError:
        return []
    return found


def show_status(status: Mapping[str, Any]) -> None:
    """Print a status as a table."""
    console = Console(highlight=False)
    console.print(Text.assemble("First Light ", status["version"], " at ", (status["url"], "cyan")))
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bright_black")
    for heading in ("part", "state", "pid", "up", "address"):
        table.add_column(heading)
    for part in status["parts"]:
        well = part["healthy"]
        table.add_row(
            Text(part["name"]),
            Text("✓ healthy" if well else f"✗ {part['state']}", "green" if well else "red"),
            str(part["pid"] or "–"),
            _human(part["uptime_seconds"]),
            Text(part["address"], "bright_black"),
        )
    console.print(table)
    if status["people"] is not None:
        labs = status["labs"]
        named = f": {', '.join(labs)}" if labs else ""
        known = _count_of(status["people"], "person", "people")
        console.print(f"{known} known, {_count_of(len(labs), 'lab', 'labs')} running{named}")
    if status["shortage"]:
        console.print(Text(f"✗ {status['shortage']}", "red"), soft_wrap=True)


def _count_of(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _human(seconds: int) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
