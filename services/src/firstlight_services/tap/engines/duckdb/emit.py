"""Lowered queries as DuckDB's SQL."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatchmethod

from firstlight_services.tap.engines.duckdb.spelling import (
    TYPES,
    identifier,
    number,
    string,
    table_name,
)
from firstlight_services.tap.errors import QueryError
from firstlight_services.tap.query import tree
from firstlight_services.tap.stopping import checkpoint

__all__ = ["FUNCTIONS", "emit"]

FUNCTIONS: Mapping[str, str] = {
    "ABS": "abs",
    "ACOS": "acos",
    "ASIN": "asin",
    "ATAN": "atan",
    "ATAN2": "atan2",
    "AVG": "avg",
    "CEILING": "ceil",
    "COALESCE": "coalesce",
    "COS": "cos",
    "COT": "cot",
    "COUNT": "count",
    "DEGREES": "degrees",
    "EXP": "exp",
    "FLOOR": "floor",
    "LEAST": "least",
    "LOG": "ln",
    "LOG10": "log10",
    "LOWER": "lower",
    "MAX": "max",
    "MIN": "min",
    "PI": "pi",
    "POWER": "pow",
    "RADIANS": "radians",
    "RAND": "random",
    "ROUND": "round(CAST({} AS DOUBLE), CAST({} AS INTEGER))",
    "SIGN": "sign",
    "SIN": "sin",
    "SQRT": "sqrt",
    "SUM": "sum",
    "TAN": "tan",
    "TRUNCATE": "trunc(CAST({} AS DOUBLE), CAST({} AS INTEGER))",
    "UPPER": "upper",
}
"""Names, or templates where DuckDB takes other arguments."""

_MOST_NODES = 100_000
"""What DuckDB may have to plan: it needs a second or two for so many values.

DuckDB expands NULLIF to CASE, its argument twice, so that a ladder of them doubles with each level;
and a distance has its coordinates four times, so distances of distances grow as well. It moves a
condition on a subquery's column into the subquery, the whole expression in the column's place.
"""

_MOST_TIMES = 2**8
"""How often DuckDB may expand a value: for ladders, its planning time grows faster than that."""


def emit(query: tree.Query, limit: int | None = None) -> str:
    """Return a query as SQL.

    Parameters
    ----------
    query
        The resolved and lowered query; of its text, only names in our own catalog and quoted
        literals get into the SQL.
    limit
        The number of rows to return, in place of the query's own TOP.

    Raises
    ------
    QueryError
        ``too_deep`` if DuckDB would take too long to plan the query.
    """
    return _Emitter().query(query, query.top if limit is None else limit)


class _Emitter:
    def __init__(self) -> None:
        self._nodes = 0
        # How often DuckDB expands what is being written.
        self._times = 1
        # How many values the columns of subqueries are made of, by the source and the column; and
        # those of the query that was written last.
        self._sizes: dict[tuple[str, str], int] = {}
        self._last: list[int] = []

    def query(self, query: tree.Query, limit: int | None) -> str:
        # The sources are written first, for the sizes of their columns.
        source = None if query.source is None else self._source(query.source)
        columns, sizes = self._columns(query)
        lines = [f"SELECT {'DISTINCT ' if query.distinct else ''}{columns}"]
        if source is not None:
            lines.append(f"FROM {source}")
        if query.where is not None:
            lines.append(f"WHERE {self._write(query.where)}")
        if query.group_by:
            lines.append(f"GROUP BY {self._list(query.group_by)}")
        if query.having is not None:
            lines.append(f"HAVING {self._write(query.having)}")
        if query.order_by:
            lines.append(f"ORDER BY {', '.join(map(self._ordering, query.order_by))}")
        if limit is not None:
            lines.append(f"LIMIT {limit:d}")
        if query.offset:
            lines.append(f"OFFSET {query.offset:d}")
        self._last = sizes
        return "\n".join(lines)

    def _columns(self, query: tree.Query) -> tuple[str, list[int]]:
        """Return the SELECT list, and how many values each of its columns is made of."""
        columns, sizes = [], []
        for position, one in enumerate(query.outputs, 1):
            before = self._nodes
            columns.append(f'{self._write(one.value)} AS "c{position}"')
            sizes.append((self._nodes - before) // self._times)
        return ", ".join(columns), sizes

    def _ordering(self, ordering: tree.Ordering) -> str:
        by = f"{ordering.by:d}" if isinstance(ordering.by, int) else self._write(ordering.by)
        direction = "DESC" if ordering.descending else "ASC"
        return f"{by} {direction} NULLS {'LAST' if ordering.nulls_last else 'FIRST'}"

    def _source(self, source: tree.Source) -> str:
        if isinstance(source, tree.TableSource):
            return f"{table_name(source.table)} AS {identifier(source.id)}"
        if isinstance(source, tree.QuerySource):
            written = f"({self._subquery(source.query)}) AS {identifier(source.id)}"
            for position, size in enumerate(self._last, 1):
                self._sizes[source.id, f"c{position}"] = size
            return written
        left, right = self._source(source.left), self._source(source.right)
        if isinstance(source.right, tree.JoinSource):
            right = f"({right})"
        if source.condition is None:
            return f"{left} CROSS JOIN {right}"
        return f"{left} {source.kind} JOIN {right} ON {self._write(source.condition)}"

    def _subquery(self, query: tree.Query) -> str:
        return self.query(query, query.top)

    def _list(self, values: tuple[tree.Value, ...]) -> str:
        return ", ".join(map(self._write, values))

    def _nullif(self, operand: tree.Value, refused: str) -> str:
        self._times *= 2
        inner = self._write(operand)
        self._times //= 2
        return f"nullif({inner}, {refused})"

    def _write(self, value: tree.Value) -> str:
        checkpoint()
        self._count(1)
        return self._written(value)

    def _count(self, values: int) -> None:
        self._nodes += values * self._times
        if self._nodes > _MOST_NODES or self._times > _MOST_TIMES:
            raise QueryError(
                "too_deep",
                "The expressions of this query are nested too deeply, or too many.",
                hint="Leave out functions of functions, or write a shorter sum.",
            )

    # --- values

    @singledispatchmethod
    def _written(self, value: tree.Value) -> str:
        raise TypeError(type(value))

    @_written.register
    def _(self, value: tree.Constant) -> str:
        match value.value:
            case None:
                return "NULL"
            case bool() as truth:
                return "TRUE" if truth else "FALSE"
            case str() as words:
                return string(words)
            case float() as real:
                return number(real)
            case int() as integer:
                return f"({integer:d})" if integer < 0 else f"{integer:d}"

    @_written.register
    def _(self, value: tree.ColumnRef) -> str:
        self._count(self._sizes.get((value.source, value.column), 1) - 1)
        return f"{identifier(value.source)}.{identifier(value.column)}"

    @_written.register
    def _(self, value: tree.Negation) -> str:
        return f"(- {self._write(value.operand)})"

    @_written.register
    def _(self, value: tree.Not) -> str:
        return f"(NOT {self._write(value.operand)})"

    @_written.register
    def _(self, value: tree.Arithmetic) -> str:
        return f"({self._write(value.left)} {value.operator} {self._write(value.right)})"

    @_written.register
    def _(self, value: tree.Divide) -> str:
        # In DuckDB it is true division, of integers as well.
        return f"({self._write(value.left)} / {self._write(value.right)})"

    @_written.register
    def _(self, value: tree.NullIf) -> str:
        return self._nullif(value.operand, self._write(value.refused))

    @_written.register
    def _(self, value: tree.NanToNull) -> str:
        return self._nullif(value.operand, f"'nan'::{TYPES[value.type]}")

    @_written.register
    def _(self, value: tree.Comparison) -> str:
        return f"({self._write(value.left)} {value.operator} {self._write(value.right)})"

    @_written.register
    def _(self, value: tree.Logical) -> str:
        return f"({f' {value.operator} '.join(map(self._write, value.operands))})"

    @_written.register
    def _(self, value: tree.Between) -> str:
        operand, low, high = map(self._write, (value.operand, value.low, value.high))
        return f"({operand} BETWEEN {low} AND {high})"

    @_written.register
    def _(self, value: tree.InList) -> str:
        return f"({self._write(value.operand)} IN ({self._list(value.choices)}))"

    @_written.register
    def _(self, value: tree.InQuery) -> str:
        return f"({self._write(value.operand)} IN ({self._subquery(value.query)}))"

    @_written.register
    def _(self, value: tree.Like) -> str:
        word = "ILIKE" if value.ignores_case else "LIKE"
        return f"({self._write(value.operand)} {word} {self._write(value.pattern)})"

    @_written.register
    def _(self, value: tree.IsNull) -> str:
        return f"({self._write(value.operand)} IS NULL)"

    @_written.register
    def _(self, value: tree.Exists) -> str:
        return f"EXISTS ({self._subquery(value.query)})"

    @_written.register
    def _(self, value: tree.Scalar) -> str:
        return f"({self._subquery(value.query)})"

    @_written.register
    def _(self, value: tree.Case) -> str:
        branches = " ".join(
            f"WHEN {self._write(when)} THEN {self._write(then)}" for when, then in value.branches
        )
        otherwise = f" ELSE {self._write(value.otherwise)}" if value.otherwise else ""
        return f"CASE {branches}{otherwise} END"

    @_written.register
    def _(self, value: tree.Cast) -> str:
        return f"CAST({self._write(value.operand)} AS {TYPES[value.type]})"

    @_written.register
    def _(self, value: tree.Call) -> str:
        if value.name == "COUNT" and not value.arguments:
            return "count(*)"
        spelled = FUNCTIONS[value.name]
        if "{" in spelled:
            return spelled.format(*map(self._write, value.arguments))
        distinct = "DISTINCT " if value.distinct else ""
        return f"{spelled}({distinct}{self._list(value.arguments)})"
