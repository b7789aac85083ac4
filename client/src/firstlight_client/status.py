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

from firstlight_client import __version__
from firstlight_client.errors import OperatorError
from firstlight_client.http import Hub, is_healthy
from firstlight_client.parts import parts_of
from firstlight_client.paths import State
from firstlight_client.plan import read_runtime
from firstlight_client.supervise import Supervisor

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
    people, labs = _people(state)
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
        "people": people,
        "labs_running": labs,
        "isolation": ask_isolation(state),
    }


def _people(state: State) -> tuple[int | None, int | None]:
    """Count people and labs; None while the hub is away."""
    try:
        found = Hub(state).call("GET", "/users?limit=1000")
    except OperatorError:
        return None, None
    running = sum(bool(person.get("servers")) for person in found)
    return len(found), running


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
        console.print(f"{status['people']} people known, {status['labs_running']} labs running")


def _human(seconds: int) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
