"""DuckDB's errors: those that a query caused are explained to its author."""

from __future__ import annotations

from firstlight_services.tap.errors import QueryError

__all__ = ["explained", "first_line"]

_REFUSALS = {
    "Out of Memory Error": (
        "too_much_memory",
        "The query needs more memory than a query may use.",
        "Ask for fewer columns or a smaller region, or leave out ORDER BY.",
    ),
    "Out of Range Error": ("out_of_range", "A number in the query's result is too large.", ""),
    "Conversion Error": ("out_of_range", "A value in the query does not fit its type.", ""),
    "Invalid Input Error": (
        "bad_value",
        "The query cannot be run with the values it meets.",
        "For example, a subquery used as a value may return only one row.",
    ),
    "Parser Error: Maximum tree depth": (
        "too_deep",
        "The expressions of this query are nested too deeply.",
        "",
    ),
}
"""Errors caused by the query, by the beginning of DuckDB's message, which is shown to nobody."""


def explained(error: Exception) -> Exception:
    """Return our error for DuckDB's; one not caused by the query stays as it is, for the log."""
    message = str(error)
    for beginning, (code, sentence, hint) in _REFUSALS.items():
        if message.startswith(beginning):
            return QueryError(code, sentence, hint=hint)
    return error


def first_line(error: Exception) -> str:
    """Return the first line of an error's text; DuckDB's texts quote the statement after it."""
    return str(error).partition("\n")[0]
