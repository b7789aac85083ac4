"""Pure decisions: how many rows a query may return, and whether the result was truncated."""

from __future__ import annotations

from dataclasses import dataclass

from firstlight_services.tap.errors import QueryError

__all__ = ["Limits", "RowLimit", "read_maxrec", "row_limit"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The site's limits.

    Attributes
    ----------
    default_rows
        The number of rows returned if the client does not set MAXREC.
    max_rows
        The number of rows returned at most, whatever the client sets.
    """

    default_rows: int
    max_rows: int


@dataclass(frozen=True, slots=True)
class RowLimit:
    """How many rows to ask the engine for, and how many of them to keep.

    Attributes
    ----------
    fetch, keep
        Numbers of rows.
    cut
        Whether the result counts as truncated, whatever the engine returns.

    Notes
    -----
    Where the limit is not the query's own, one row more than is kept is requested: if it comes, the
    result was truncated.
    """

    fetch: int
    keep: int
    cut: bool = False

    def overflows(self, rows: int) -> bool:
        """Return whether a result of this many rows was truncated."""
        return self.cut or rows > self.keep


def row_limit(top: int | None, maxrec: int | None, limits: Limits) -> RowLimit:
    """Combine the query's TOP, the request's MAXREC and the site's limits.

    Notes
    -----
    DALI 1.1, section 3.4.4: a result truncated by MAXREC or by the service says OVERFLOW; one that
    is limited by its TOP does not. MAXREC=0 requests only the description of the columns, and
    always overflows.
    """
    allowed = min(limits.default_rows if maxrec is None else maxrec, limits.max_rows)
    if maxrec == 0:
        return RowLimit(0, 0, cut=True)
    if top is not None and top <= allowed:
        return RowLimit(top, top)
    return RowLimit(allowed + 1, allowed)


def read_maxrec(text: str | None) -> int | None:
    """Return the value of MAXREC; None if it is not set.

    Raises
    ------
    QueryError
        ``bad_parameter`` if it is not a non-negative integer.
    """
    if text is None or not text.strip():
        return None
    text = text.strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise QueryError(
            "bad_parameter", f"MAXREC must be a non-negative integer, not {text[:30]!r}."
        )
    return int(text)
