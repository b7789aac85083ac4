"""``firstlight logs NAME``: the logs of components and labs."""

from __future__ import annotations

import codecs
import os
import time
from difflib import get_close_matches
from pathlib import Path
from typing import BinaryIO

import click

from firstlight_cli.errors import OperatorError
from firstlight_cli.paths import State
from firstlight_common.commands import firstlight
from firstlight_common.logtext import last_lines, printable, read_last_lines

__all__ = ["log_file", "print_log", "tail"]

_MOST = 32 * 1024**2
"""More than a component's log can hold before it is rotated."""
_BLOCK = 64 * 1024


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
    """Return the last lines of a log, printable; an empty string if there is none."""
    try:
        return last_lines(log_file(state, name), lines)
    except OperatorError:
        return ""


def print_log(path: Path, lines: int, *, follow: bool) -> None:
    """Print the last lines of a log; with `follow`, also what is appended, until Ctrl-C.

    Notes
    -----
    Labs write their logs themselves, so whatever a terminal would not just display is escaped.
    """
    file = path.open("rb")
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    text = decoder.decode(read_last_lines(file, lines, most=_MOST))
    click.echo(printable(text), nl=not text.endswith("\n") and not follow)
    try:
        while follow:
            # Checked first, so that everything written to the old file is still read.
            rotated = _was_replaced(path, file)
            while block := file.read(_BLOCK):
                click.echo(printable(decoder.decode(block)), nl=False)
            if rotated:
                file.close()
                file = path.open("rb")
            else:
                time.sleep(0.2)
    except KeyboardInterrupt:
        pass
    finally:
        file.close()


def _was_replaced(path: Path, file: BinaryIO) -> bool:
    """Return whether the log was rotated, or made shorter than what is read already."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False  # between the two steps of a rotation
    here = os.fstat(file.fileno())
    return there.st_ino != here.st_ino or here.st_size < file.tell()
