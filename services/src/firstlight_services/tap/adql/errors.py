"""What is wrong with a query, in words that lead to a right one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["AdqlError", "nearest"]


class AdqlError(Exception):
    """A query that cannot be run, and why.

    Parameters
    ----------
    message
        A sentence.
    at
        Offset of the place in the query; None if it is about the whole.
    hint
        What to do.
    code
        A stable word for programs.
    """

    def __init__(
        self, message: str, at: int | None = None, *, hint: str = "", code: str = "adql_invalid"
    ) -> None:
        super().__init__(message)
        self.message = message
        self.at = at
        self.hint = hint
        self.code = code

    def describe(self, query: str) -> str:
        """Return message, place, the line with a caret and hint, one to a line."""
        lines = [self.message]
        if self.at is not None:
            line, column, text = _place(query, self.at)
            # Long lines are cut around the place, so that the caret stays in sight.
            start = max(0, column - 61)
            shown = text[start : start + 100].replace("\t", " ")
            lines[0] += f" (line {line}, column {column})"
            lines += [f"  {shown}", "  " + " " * (column - 1 - start) + "^"]
        if self.hint:
            lines.append(self.hint)
        return "\n".join(lines)


def nearest(name: str, known: Iterable[str], count: int = 3) -> str:
    """Return a hint with the known names most like this one, or nothing.

    A name's last part is compared too: people leave out the schema, or pick a wrong one.
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


def _place(query: str, at: int) -> tuple[int, int, str]:
    at = min(max(at, 0), len(query))
    start = query.rfind("\n", 0, at) + 1
    end = query.find("\n", at)
    line = query.count("\n", 0, at) + 1
    return line, at - start + 1, query[start : end if end >= 0 else len(query)].rstrip("\r")
