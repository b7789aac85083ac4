"""How large a query may be, so that planning it takes a moment whatever it says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from firstlight_services.tap.errors import QueryError

__all__ = [
    "MOST_COLUMNS",
    "MOST_DISTINCT",
    "MOST_LEVELS",
    "MOST_TABLES",
    "MOST_TEXT",
    "MOST_VERTICES",
    "QuerySize",
]

MOST_COLUMNS = 5_000
"""Columns in all SELECT lists together, those that ``*`` stands for included.

The widest tables of Rubin have 1,300 columns. DuckDB binds 5,000 in less than a second, and a batch
of 5,000 columns takes 80 MB; ``SELECT f.*, f.*, …`` in 4 kB of text would otherwise be a million.
"""

MOST_TABLES = 32
"""Tables in all FROM clauses together; as many subqueries are possible.

DuckDB needs 0.1 s to plan 32 correlated subqueries with one table each, and half a minute for 64.
"""

MOST_LEVELS = 16
"""Subqueries in each other; DuckDB's planning time grows with the cube of their number."""

MOST_DISTINCT = 32
"""Aggregates with DISTINCT. DuckDB makes a join for each: 200 take it 3 s to plan, 400 take 22."""

MOST_VERTICES = 200
"""Vertices of all polygons and boxes together.

DuckDB needs a second or two for a polygon of 200 that is not convex, and 0.2 s for a convex one.
"""

MOST_TEXT = 4_000
"""Characters of text that a query's rows have besides what is in the tables; see `TextWidths`.

A batch of rows, which has up to 16,384, is in memory several times while it is written: three
queries for a string of 100 kB took 4 GB.
"""


class QuerySize:
    """Counts what a query consists of while it is resolved, before it is expanded."""

    def __init__(self) -> None:
        self._columns = self._tables = self._queries = self._levels = self._distinct = 0
        self._vertices = 0

    @contextmanager
    def query(self) -> Iterator[None]:
        """Count a subquery, whose inner ones are resolved within the ``with`` statement.

        Raises
        ------
        QueryError
            ``too_deep``, ``too_many_subqueries``.
        """
        # The query itself is not a subquery.
        if self._queries > MOST_TABLES:
            raise QueryError(
                "too_many_subqueries",
                f"The query has more than {MOST_TABLES} subqueries.",
                hint="Split it into several queries.",
            )
        if self._levels > MOST_LEVELS:
            raise QueryError("too_deep", f"Subqueries are nested deeper than {MOST_LEVELS}.")
        self._levels += 1
        self._queries += 1
        try:
            yield
        finally:
            self._levels -= 1

    def columns(self, count: int) -> None:
        """Count entries of a SELECT list.

        Raises
        ------
        QueryError
            ``too_many_columns``.
        """
        self._columns += count
        if self._columns > MOST_COLUMNS:
            raise QueryError(
                "too_many_columns",
                f"The query selects more than {MOST_COLUMNS} columns, subqueries included.",
                hint="List the columns that you need instead of *.",
            )

    def table(self) -> None:
        """Count a table in FROM.

        Raises
        ------
        QueryError
            ``too_many_tables``.
        """
        self._tables += 1
        if self._tables > MOST_TABLES:
            raise QueryError(
                "too_many_tables",
                f"The query uses more than {MOST_TABLES} tables, subqueries included.",
                hint="Split it into several queries.",
            )

    def distinct(self) -> None:
        """Count an aggregate with DISTINCT.

        Raises
        ------
        QueryError
            ``too_many_distinct``.
        """
        self._distinct += 1
        if self._distinct > MOST_DISTINCT:
            raise QueryError(
                "too_many_distinct",
                f"The query has more than {MOST_DISTINCT} aggregates with DISTINCT.",
                hint="Split it into several queries.",
            )

    def vertices(self, count: int) -> None:
        """Count vertices of a polygon.

        Raises
        ------
        QueryError
            ``too_many_vertices``.
        """
        self._vertices += count
        if self._vertices > MOST_VERTICES:
            raise QueryError(
                "too_many_vertices",
                f"The polygons of the query have more than {MOST_VERTICES} vertices.",
                hint="Leave out vertices, or split it into several queries.",
            )

    def text(self, width: int) -> None:
        """Check how much text the rows of one SELECT have, in characters.

        Raises
        ------
        QueryError
            ``too_much_text``.
        """
        if width > MOST_TEXT:
            raise QueryError(
                "too_much_text",
                f"Each row would have more than {MOST_TEXT} characters of text that the query "
                "makes itself.",
                hint="Use shorter strings, or concatenate them after the query.",
            )
