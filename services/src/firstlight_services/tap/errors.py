"""What can be wrong with a query, said so that its author can mend it."""

from __future__ import annotations

from firstlight_services.web import Kind, ServiceError

__all__ = ["QueryError", "pointed"]


class QueryError(ServiceError):
    """A query that cannot be run as it is written.

    Parameters
    ----------
    code
        ``adql_syntax``, ``unknown_table``, ``unknown_column``, ``not_supported`` …
    message
        What is wrong, and where.
    hint
        How to write it.
    """

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(code, message, hint=hint, kind=Kind.INVALID)


def pointed(text: str, line: int, column: int) -> str:
    """Return the line of a query with a caret below the place.

    Parameters
    ----------
    line, column
        Counted from 1.
    """
    lines = text.splitlines() or [""]
    shown = lines[min(line, len(lines)) - 1].replace("\t", " ")
    start = max(0, column - 60)
    return f"{shown[start : start + 100]}\n{' ' * (column - 1 - start)}^"
