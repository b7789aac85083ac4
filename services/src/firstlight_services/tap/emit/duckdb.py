"""SQL for DuckDB."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import singledispatchmethod

from firstlight_services.tap.emit.cone import bounds, haversine, haversine_limit, number
from firstlight_services.tap.errors import QueryError
from firstlight_services.tap.models import Type
from firstlight_services.tap.query import tree

__all__ = ["CALLS", "TYPES", "emit", "identifier", "text"]

TYPES: Mapping[Type, str] = {
    Type.BOOLEAN: "BOOLEAN",
    Type.SHORT: "SMALLINT",
    Type.INT: "INTEGER",
    Type.LONG: "BIGINT",
    Type.FLOAT: "FLOAT",
    Type.DOUBLE: "DOUBLE",
    Type.CHAR: "VARCHAR",
    Type.UNICODE: "VARCHAR",
    Type.NULL: "VARCHAR",
}

CALLS: Mapping[str, str] = {
    "ABS": "abs({})",
    "ACOS": "acos({})",
    "ASIN": "asin({})",
    "ATAN": "atan({})",
    "ATAN2": "atan2({}, {})",
    "AVG": "avg({})",
    "CEILING": "ceil({})",
    "COALESCE": "coalesce({})",
    "COS": "cos({})",
    "COT": "cot({})",
    "COUNT": "count({})",
    "DEGREES": "degrees({})",
    "EXP": "exp({})",
    "FLOOR": "floor({})",
    "LOG": "ln({})",
    "LOG10": "log10({})",
    "LOWER": "lower({})",
    "MAX": "max({})",
    "MIN": "min({})",
    "MOD": "({} % {})",
    "PI": "pi()",
    "POWER": "pow({}, {})",
    "RADIANS": "radians({})",
    "RAND": "random()",
    "ROUND": "round(CAST({} AS DOUBLE), CAST({} AS INTEGER))",
    "SCISQL_NANOJANSKYTOABMAG": "(31.4e0 - 2.5e0 * log10({}))",
    "SIN": "sin({})",
    "SQRT": "sqrt({})",
    "SUM": "sum({})",
    "TAN": "tan({})",
    "TRUNCATE": "trunc(CAST({} AS DOUBLE), CAST({} AS INTEGER))",
    "UPPER": "upper({})",
}

# These give NaN where ADQL has no value, and DuckDB holds NaN for greater than any number.
_NAN_CALLS = frozenset(
    {"ACOS", "ASIN", "COS", "COT", "EXP", "LOG", "LOG10", "MOD", "POWER", "SIN", "SQRT", "TAN"}
    | {"SCISQL_NANOJANSKYTOABMAG"}
)
# Of zero DuckDB gives -inf; Rubin's own service NULL, so that a flux of 0 has no magnitude.
_LOGARITHMS = frozenset({"LOG", "LOG10", "SCISQL_NANOJANSKYTOABMAG"})
# DuckDB writes NULLIF out as CASE, its argument twice; a ladder of them would double each time.
_MOST_GUARDS = 8


def emit(query: tree.Query, limit: int | None = None) -> str:
    """Return a query as SQL.

    Parameters
    ----------
    query
        The resolved query; nothing of its text but names of our own catalog and quoted literals
        gets into the SQL.
    limit
        Rows to return, in place of the query's own TOP.
    """
    return _Emitter().query(query, query.top if limit is None else limit)


def identifier(name: str) -> str:
    """Return a quoted name."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return a quoted text; DuckDB knows no escapes inside of it but the doubled quote."""
    return "'" + value.replace("'", "''") + "'"


class _Emitter:
    def __init__(self) -> None:
        self._guards = 0
        # What the queries being written are grouped by: the engine finds it again in an expression
        # only if it is written as it is in GROUP BY, guards included.
        self._keys: dict[tree.Value, str] = {}

    def query(self, query: tree.Query, limit: int | None) -> str:
        before: list[str] = []
        if query.source is not None:
            before.append(f"FROM {self._source(query.source)}")
        if query.where is not None:
            before.append(f"WHERE {self._condition(query.where)}")
        keys = [self._key(one) for one in query.group_by]
        if keys:
            before.append(f"GROUP BY {', '.join(keys)}")
        outer = self._keys
        self._keys = outer | dict(zip(query.group_by, keys, strict=True))
        try:
            return "\n".join([self._select(query), *before, *self._after(query, limit)])
        finally:
            self._keys = outer

    def _select(self, query: tree.Query) -> str:
        columns = ", ".join(
            f'{self._output(one.value)} AS "c{position}"'
            for position, one in enumerate(query.outputs, 1)
        )
        return f"SELECT {'DISTINCT ' if query.distinct else ''}{columns}"

    def _after(self, query: tree.Query, limit: int | None) -> list[str]:
        parts = []
        if query.having is not None:
            parts.append(f"HAVING {self._condition(query.having)}")
        if query.order_by:
            parts.append(f"ORDER BY {', '.join(self._ordering(one) for one in query.order_by)}")
        if limit is not None:
            parts.append(f"LIMIT {limit:d}")
        if query.offset:
            parts.append(f"OFFSET {query.offset:d}")
        return parts

    def _output(self, value: tree.Value) -> str:
        if isinstance(value, tree.ColumnRef):
            return self._value(value)
        return f"CAST({self._safe(value)} AS {TYPES[value.type]})"

    def _key(self, value: tree.Value) -> str:
        # A bare number would be an output's.
        return self._output(value) if isinstance(value, tree.Constant) else self._safe(value)

    def _ordering(self, ordering: tree.Ordering) -> str:
        by = f"{ordering.by:d}" if isinstance(ordering.by, int) else self._safe(ordering.by)
        return f"{by} {'DESC' if ordering.descending else 'ASC'} NULLS LAST"

    def _source(self, source: tree.Source) -> str:
        if isinstance(source, tree.TableSource):
            table = source.table
            name = f"{identifier(table.schema)}.{identifier(table.name)}"
            return f"{name} AS {identifier(source.id)}"
        if isinstance(source, tree.QuerySource):
            return f"({self._subquery(source.query)}) AS {identifier(source.id)}"
        left, right = self._source(source.left), self._source(source.right)
        if isinstance(source.right, tree.JoinSource):
            right = f"({right})"
        if source.condition is None:
            return f"{left} CROSS JOIN {right}"
        return f"{left} {source.kind} JOIN {right} ON {self._condition(source.condition)}"

    def _subquery(self, query: tree.Query) -> str:
        return self.query(query, query.top)

    def _safe(self, value: tree.Value) -> str:
        """Return a value whose NaN is NULL, as comparisons and aggregates need it."""
        if value in self._keys or value.type is not Type.DOUBLE:
            return self._value(value)
        if not any(_may_be_nan(one) for one in tree.walk(value)):
            return self._value(value)
        return self._without(value, "'nan'::DOUBLE")

    def _without(self, value: tree.Value, refused: str) -> str:
        if self._guards >= _MOST_GUARDS:
            raise QueryError("too_deep", "The expressions of this query are nested too deeply.")
        self._guards += 1
        inner = self._value(value)
        self._guards -= 1
        return f"nullif({inner}, {refused})"

    # --- conditions of which only the truth counts

    def _condition(self, value: tree.Value) -> str:
        """Write a filter: cones stand behind a box that the engine holds against its zone maps.

        Anywhere else the box would be wrong: where a coordinate is NULL, so is the cone, but a box
        may be false.
        """
        match value:
            case tree.Logical(operator=operator, operands=operands):
                return f"({f' {operator} '.join(self._condition(one) for one in operands)})"
            case tree.Within():
                return f"({' AND '.join([*self._box(value), self._value(value)])})"
            case tree.Comparison():
                cone = _as_cone(value)
                if cone is not None:
                    return f"({' AND '.join([*self._box(cone), self._value(value)])})"
        return self._value(value)

    def _box(self, cone: tree.Within) -> list[str]:
        point, center, radius = cone.point, cone.circle.center, cone.circle.radius
        ra, dec = self._value(point.ra), self._value(point.dec)
        known = [_constant(one) for one in (center.ra, center.dec, radius)]
        if None not in known:
            ra0, dec0, r = (one for one in known if one is not None)
            return _box(point, ra, dec, (ra0, dec0, r))
        dec0_sql, margin = self._value(center.dec), f"({self._value(radius)} + 1e-9)"
        return [f"{dec} BETWEEN {dec0_sql} - {margin} AND {dec0_sql} + {margin}"]

    # --- values

    def _value(self, value: tree.Value) -> str:
        return (self._keys and self._keys.get(value)) or self._write(value)

    @singledispatchmethod
    def _write(self, value: tree.Value) -> str:
        raise TypeError(type(value))

    @_write.register
    def _(self, value: tree.Constant) -> str:
        match value.value:
            case None:
                return "NULL"
            case bool() as truth:
                return "TRUE" if truth else "FALSE"
            case str() as words:
                return text(words)
            case float() as real:
                return number(real)
            case int() as whole:
                return f"({whole:d})" if whole < 0 else f"{whole:d}"

    @_write.register
    def _(self, value: tree.ColumnRef) -> str:
        return f"{identifier(value.source)}.{identifier(value.column)}"

    @_write.register
    def _(self, value: tree.Negation) -> str:
        return f"(- {self._value(value.operand)})"

    @_write.register
    def _(self, value: tree.Not) -> str:
        return f"(NOT {self._value(value.operand)})"

    @_write.register
    def _(self, value: tree.Arithmetic) -> str:
        left = self._value(value.left)
        if value.operator == "/" and not (
            isinstance(value.right, tree.Constant) and value.right.value
        ):
            # Nothing, where DuckDB has an infinity that is greater than any number.
            right = self._without(value.right, "0")
        else:
            right = self._value(value.right)
        if value.type is Type.LONG:
            # Catalogs' small integers must not overflow where their sum fits.
            left = f"CAST({left} AS BIGINT)"
        return f"({left} {value.operator} {right})"

    @_write.register
    def _(self, value: tree.Comparison) -> str:
        return f"({self._safe(value.left)} {value.operator} {self._safe(value.right)})"

    @_write.register
    def _(self, value: tree.Logical) -> str:
        return f"({f' {value.operator} '.join(self._value(one) for one in value.operands)})"

    @_write.register
    def _(self, value: tree.Between) -> str:
        operand, low, high = (self._safe(one) for one in (value.operand, value.low, value.high))
        return f"({operand} BETWEEN {low} AND {high})"

    @_write.register
    def _(self, value: tree.InList) -> str:
        choices = ", ".join(self._safe(one) for one in value.choices)
        return f"({self._safe(value.operand)} IN ({choices}))"

    @_write.register
    def _(self, value: tree.InQuery) -> str:
        return f"({self._safe(value.operand)} IN ({self._subquery(value.query)}))"

    @_write.register
    def _(self, value: tree.Like) -> str:
        word = "ILIKE" if value.ignores_case else "LIKE"
        return f"({self._value(value.operand)} {word} {self._value(value.pattern)})"

    @_write.register
    def _(self, value: tree.IsNull) -> str:
        return f"({self._safe(value.operand)} IS NULL)"

    @_write.register
    def _(self, value: tree.Exists) -> str:
        return f"EXISTS ({self._subquery(value.query)})"

    @_write.register
    def _(self, value: tree.Scalar) -> str:
        return f"({self._subquery(value.query)})"

    @_write.register
    def _(self, value: tree.Case) -> str:
        branches = " ".join(
            f"WHEN {self._value(when)} THEN {self._value(then)}" for when, then in value.branches
        )
        otherwise = f" ELSE {self._value(value.otherwise)}" if value.otherwise else ""
        return f"CASE {branches}{otherwise} END"

    @_write.register
    def _(self, value: tree.Cast) -> str:
        return f"CAST({self._value(value.operand)} AS {TYPES[value.type]})"

    @_write.register
    def _(self, value: tree.Call) -> str:
        if value.name == "COUNT" and not value.arguments:
            return "count(*)"
        guarded = value.aggregate or value.name == "COALESCE"
        arguments = [(self._safe if guarded else self._value)(one) for one in value.arguments]
        if value.name in _LOGARITHMS:
            arguments = [self._without(value.arguments[0], "0")]
        if value.name == "COALESCE":
            arguments = [", ".join(arguments)]
        elif value.name in ("ROUND", "TRUNCATE") and len(arguments) == 1:
            arguments.append("0")
        if value.distinct:
            arguments[0] = f"DISTINCT {arguments[0]}"
        return CALLS[value.name].format(*arguments)

    # --- geometry

    @_write.register
    def _(self, value: tree.Within) -> str:
        radius = _constant(value.circle.radius)
        if radius is not None:
            limit = number(haversine_limit(radius))
        else:
            # Nothing is in a cone of a negative radius, all in one of more than 180 degrees.
            r = self._value(value.circle.radius)
            limit = f"sign({r}) * pow(sin(radians(least({r}, 180)) / 2), 2)"
        return f"({self._haversine(value.point, value.circle.center)} <= {limit})"

    @_write.register
    def _(self, value: tree.Distance) -> str:
        inner = self._haversine(value.left, value.right)
        return f"degrees(2 * asin(least(1.0e0, sqrt({inner}))))"

    def _haversine(self, point: tree.Point, center: tree.Point) -> str:
        dec0 = _constant(center.dec)
        dec0_sql = self._value(center.dec)
        cosine = f"cos(radians({dec0_sql}))"
        if dec0 is not None:
            cosine = number(math.cos(math.radians(dec0)))
        return haversine(
            self._value(point.ra),
            self._value(point.dec),
            self._value(center.ra),
            dec0_sql,
            cosine,
        )


def _may_be_nan(value: tree.Value) -> bool:
    if isinstance(value, tree.Call):
        return value.name in _NAN_CALLS
    return isinstance(value, tree.Arithmetic) and value.operator == "%"


def _constant(value: tree.Value) -> float | None:
    if isinstance(value, tree.Constant) and isinstance(value.value, float):
        return value.value
    return None


def _box(point: tree.Point, ra: str, dec: str, cone: tuple[float, float, float]) -> list[str]:
    box = bounds(*cone)
    tests = [f"{dec} BETWEEN {number(box.dec[0])} AND {number(box.dec[1])}"]
    # Only catalogs' own right ascensions are known to lie within [0, 360].
    is_ra = isinstance(point.ra, tree.ColumnRef) and point.ra.described.ucd.startswith("pos.eq.ra")
    if box.ra and is_ra:
        ranges = [f"{ra} BETWEEN {number(low)} AND {number(high)}" for low, high in box.ra]
        tests.append(ranges[0] if len(ranges) == 1 else f"({' OR '.join(ranges)})")
    return tests


def _as_cone(value: tree.Comparison) -> tree.Within | None:
    """Return the cone that ``DISTANCE(…) < r`` asks for, so that it is as quick as CONTAINS."""
    distance, radius = value.left, value.right
    if value.operator not in ("<", "<=") or not isinstance(distance, tree.Distance):
        return None
    if not isinstance(radius, tree.Constant) or not isinstance(radius.value, int | float):
        return None
    # A hair wider: it serves for the box only.
    r = float(radius.value) + 1e-9
    if not 0 <= r <= 180:
        return None
    point, center = distance.left, distance.right
    if _constant(center.dec) is None:
        point, center = center, point
    circle = tree.Circle(Type.CIRCLE, center, tree.Constant(Type.DOUBLE, r))
    return tree.Within(Type.BOOLEAN, point, circle)
