"""Commands in messages to the operator, spelled so that they work when they are typed as shown."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

__all__ = ["firstlight", "firstlight_anywhere", "make"]

_DEFAULT_STATE_DIR = "var"


def firstlight(*words: str, state_dir: Path | None = None) -> str:
    """Return a command line that runs a sub-command of ``firstlight`` from the current directory.

    Parameters
    ----------
    words
        The sub-command and its arguments.
    state_dir
        Adds ``--state-dir``, unless it is the one that the command takes by default.
    """
    options: tuple[str, ...] = ()
    if state_dir is not None and state_dir != Path.cwd() / _DEFAULT_STATE_DIR:
        options = ("--state-dir", str(state_dir))
    return f"{_program()} {shlex.join((*words, *options))}"


def firstlight_anywhere(*words: str, state_dir: Path) -> str:
    """Return the same as `firstlight`, for a page: its reader may be in any directory."""
    return f"{_program(anywhere=True)} {shlex.join((*words, '--state-dir', str(state_dir)))}"


def make(target: str) -> str:
    """Return a command line that makes a target of the checkout from the current directory."""
    root = _root()
    return f"make {target}" if root == Path.cwd() else f"make -C {_quoted(root)} {target}"


def _program(*, anywhere: bool = False) -> str:
    """Return the shortest spelling of this installation's command."""
    own = Path(sys.prefix) / "bin" / "firstlight"
    found = shutil.which("firstlight")
    if found and not anywhere and Path(found).resolve() == own.resolve():
        return "firstlight"
    # Environments are replaced when they are upgraded; the link to the current one stays.
    linked = _root() / ".venv" / "bin" / "firstlight"
    if linked.exists() and linked.resolve() == own.resolve():
        own = linked
    if own.exists():
        return shlex.quote(str(own)) if anywhere else _quoted(own)
    return f"{_quoted(Path(sys.executable))} -m firstlight_cli"


def _root() -> Path:
    named = os.environ.get("FIRSTLIGHT_HOME")
    return Path(named) if named else Path(__file__).resolve().parents[3]


def _quoted(path: Path) -> str:
    """Return a path as a word for the shell, relative to the current directory if it is below."""
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))
