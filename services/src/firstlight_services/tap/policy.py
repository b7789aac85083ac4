"""Pure decisions: how many rows a query may return, and when the answer has to say it was cut."""

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
        Rows returned if the client names no MAXREC.
    max_rows
        Rows returned at most, whatever the client names.
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
        Whether the answer is cut whatever the engine has.

    Notes
    -----
    One row more than is kept is asked for where the limit is not the author's own: if it comes,
    the answer was cut.
    """

    fetch: int
    keep: int
    cut: bool = False

    def overflows(self, rows: int) -> bool:
        """Tell whether an answer of so many rows was cut."""
        return self.cut or rows > self.keep


def row_limit(top: int | None, maxrec: int | None, limits: Limits) -> RowLimit:
    """Combine the query's TOP, the request's MAXREC and the site's limits.

    Notes
    -----
    DALI 1.1, section 3.4.4: an answer that MAXREC or the service cut says OVERFLOW; one that is as
    short as its TOP asks for does not. MAXREC=0 asks for the description of the columns alone, and
    always overflows.
    """
    allowed = min(limits.default_rows if maxrec is None else maxrec, limits.max_rows)
    if maxrec == 0:
        return RowLimit(0, 0, cut=True)
    if top is not None and top <= allowed:
        return RowLimit(top, top)
    return RowLimit(allowed + 1, allowed)


def read_maxrec(text: str | None) -> int | None:
    """Read MAXREC.

    Raises
    ------
    QueryError
        ``bad_parameter`` if it is no whole number from 0.
    """
    if text is None or not text.strip():
        return None
    text = text.strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise QueryError("bad_parameter", f"MAXREC is a whole number from 0, not {text[:30]!r}.")
    return int(text)
