"""Files that others read while they are written anew."""

from __future__ import annotations

from pathlib import Path

__all__ = ["replace_file"]


def replace_file(path: Path, content: bytes, mode: int | None = None) -> None:
    """Write a file atomically: whoever reads it finds the old content or the new.

    Parameters
    ----------
    path
        The file, which may exist; its directory does.
    content
        What it will contain.
    mode
        Its permissions; None leaves them to the process's mask.
    """
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(content)
    if mode is not None:
        new.chmod(mode)
    new.replace(path)
