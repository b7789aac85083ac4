"""``firstlight logs NAME``: the logs of components and labs."""

from __future__ import annotations

import os
import time
from difflib import get_close_matches
from pathlib import Path

import click

from firstlight_cli.errors import OperatorError
from firstlight_cli.paths import State
from firstlight_common.commands import firstlight

__all__ = ["follow", "log_file", "tail"]


def log_file(state: State, name: str) -> Path:
    """Return the log file of a component, or of a person's lab (``lab/USER``).

    Raises
    ------
    OperatorError
        If there is none; with the most similar name that exists.
    """
    known = {path.stem: path for path in sorted(state.logs.glob("*.log"))}
    known |= {f"lab/{path.stem}": path for path in sorted((state.logs / "labs").glob("*.log"))}
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    listed = ", ".join(known) or f"none yet; start the platform with `{_up(state)}`"
    raise OperatorError(
        f"There is no log named {name!r}." + (f" Did you mean {near[0]}?" if near else ""),
        f"Logs in {state.root}: {listed}",
    )


def _up(state: State) -> str:
    return firstlight("up", state_dir=state.root)


def tail(state: State, name: str, lines: int) -> str:
    """Return the last lines of a log; an empty string if there is none."""
    try:
        text = log_file(state, name).read_text(errors="replace")
    except OperatorError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def follow(path: Path) -> None:
    """Print what is appended to a file, across rotations, until Ctrl-C."""
    file = path.open(errors="replace")
    file.seek(0, 2)
    try:
        while True:
            # Checked first, so that everything written to the old file is still read.
            rotated = path.exists() and path.stat().st_ino != os.fstat(file.fileno()).st_ino
            for line in file:
                click.echo(line, nl=False)
            if rotated:
                file.close()
                file = path.open(errors="replace")
            else:
                time.sleep(0.2)
    except KeyboardInterrupt:
        file.close()
