"""Errors in queries, explained so that the author can fix them."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Protocol

from firstlight_services.web.errors import Kind, ServiceError

__all__ = ["Position", "QueryError", "nearest"]

_LONGEST = 300
_SHOWN = 100
_BEFORE = 60


class Position(Protocol):
    """A position in a query; counted from 1."""

    @property
    def line(self) -> int:
        """The line, counted from 1."""

    @property
    def column(self) -> int:
        """The column in its line."""


class QueryError(ServiceError):
    """A query that cannot be run because of an error in it.

    Parameters
    ----------
    code
        ``adql_syntax``, ``unknown_table``, ``unknown_column``, ``not_supported`` …
    message
        What is wrong.
    hint
        How to write it.
    """

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(code, message, hint=hint, kind=Kind.INVALID)

    def shown_in(self, text: str, position: Position) -> QueryError:
        """Return the same error with its position, and the query's line with a caret below it."""
        message = f"{_cut(self.message)} (line {position.line}, column {position.column})"
        pointed = _pointed(text, position.line, position.column)
        return QueryError(self.code, f"{message}\n{pointed}", hint=_cut(self.hint))


def nearest(name: str, known: Iterable[str], count: int = 3) -> str:
    """Return a hint with the known names that are most similar, or an empty string.

    The last part of a name is compared as well: people omit the schema, or use a wrong one.
    """
    names = {one.lower(): one for one in known}
    lower = name.lower()
    found = get_close_matches(lower, names, count, 0.6)
    if not found:
        tails = {one.rpartition(".")[2]: one for one in names}
        found = [tails[t] for t in get_close_matches(lower.rpartition(".")[2], tails, count, 0.6)]
    if not found:
        return ""
    return "Did you mean " + " or ".join(names[one] for one in found) + "?"


def _cut(words: str) -> str:
    """Shorten a message that contains a name from the query."""
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"


def _pointed(text: str, line: int, column: int) -> str:
    lines = text.split("\n")
    # Long lines are cut around the position, so that the caret stays visible.
    start = max(0, column - _BEFORE)
    shown = lines[min(line, len(lines)) - 1][start : start + _SHOWN].rstrip("\r")
    return f"  {shown.replace(chr(9), ' ')}\n  {' ' * (column - 1 - start)}^"
