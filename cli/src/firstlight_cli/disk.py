"""Free space on the state directory's disk: how much is needed, and warnings when it is low."""

from __future__ import annotations

import shutil

from firstlight_cli.errors import OperatorError
from firstlight_cli.paths import State

__all__ = ["MEBIBYTE", "free_bytes", "require_room", "shortage"]

MEBIBYTE = 1024**2
"""One MiB in bytes."""
_NEEDED = 200 * MEBIBYTE
"""For sample data, logs and databases."""


def free_bytes(state: State) -> int:
    """Return the bytes free for the state directory, which need not exist yet."""
    place = next(path for path in (state.root, *state.root.parents) if path.exists())
    return shutil.disk_usage(place).free


def require_room(state: State) -> None:
    """Check that a platform can start.

    Raises
    ------
    OperatorError
        If there is too little free space.
    """
    free = free_bytes(state)
    if free < _NEEDED:
        raise OperatorError(
            f"The disk of {state.root} has {free // MEBIBYTE} MiB free; "
            f"the platform needs {_NEEDED // MEBIBYTE}.",
            "Free disk space, or name another directory with --state-dir.",
        )


def shortage(state: State) -> str | None:
    """Return a warning that the disk is full or nearly full; None if it is not."""
    free = free_bytes(state)
    if free < MEBIBYTE:
        return f"The disk of {state.root} is full: nobody can log in or save until space is freed."
    if free < _NEEDED:
        return f"The disk of {state.root} is nearly full: less than {_NEEDED // MEBIBYTE} MiB free."
    return None
