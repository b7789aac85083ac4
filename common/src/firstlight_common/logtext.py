"""Logs as they may be shown: the last lines of a file of any size, without control characters."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import BinaryIO

__all__ = ["LAST_BYTES", "last_lines", "printable", "read_last_lines"]

LAST_BYTES = 256 * 1024
"""How much of a log's end is read where only a few lines are shown."""

_BLOCK = 64 * 1024
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of characters that move the cursor, hide text or change its direction."""


class _Escapes(dict[int, str]):
    """What `str.translate` looks characters up in; filled as they appear."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        hidden = character not in "\n\t" and unicodedata.category(character) in _HIDDEN
        shown = character.encode("unicode_escape").decode() if hidden else character
        self[code] = shown
        return shown


_ESCAPES = _Escapes()


def printable(text: str) -> str:
    """Return a text with everything escaped that a terminal or a page would not just display.

    Notes
    -----
    These are the control characters C0 and C1 (thus all ANSI sequences), line separators other than
    the line feed, and format characters, which include those that change the direction of text.
    """
    return text.translate(_ESCAPES)


def read_last_lines(file: BinaryIO, lines: int, *, most: int) -> bytes:
    """Return the last lines of an open file, and leave it at its end.

    Parameters
    ----------
    file
        A file that can be read from any position.
    lines
        How many lines.
    most
        How many bytes to read at most, whatever the length of the lines.
    """
    position = end = file.seek(0, os.SEEK_END)
    blocks: list[bytes] = []
    breaks = 0
    # The line feed that ends the file does not separate two lines.
    while position > 0 and end - position < most and breaks <= lines:
        size = min(_BLOCK, position, most - (end - position))
        position -= size
        file.seek(position)
        blocks.append(file.read(size))
        breaks += blocks[-1].count(b"\n")
    file.seek(end)
    found = b"".join(reversed(blocks))
    start = len(found)
    for _ in range(lines):
        start = found.rfind(b"\n", 0, max(start - 1, 0)) + 1
        if start == 0:
            break
    return found[start:]


def last_lines(path: Path, lines: int, *, most: int = LAST_BYTES) -> str:
    """Return the last lines of a log, printable; an empty string if it cannot be read."""
    try:
        with path.open("rb") as file:
            found = read_last_lines(file, lines, most=most)
    except OSError:
        return ""
    return printable(found.decode(errors="backslashreplace")).rstrip("\n")
