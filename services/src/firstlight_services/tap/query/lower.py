"""What engines do not agree on, spelled out in the tree, so that each of them answers the same.

An emitter then only has to write down the nodes:

- NaN counts as NULL wherever a value leaves arithmetic: `tree.NanToNull`
  (`firstlight_services.tap.query.nan` has the rules).
- Division and modulus by zero are NULL, and so is the logarithm of zero: `tree.NullIf`.
- Sums and products of integers are 64 bits wide: `tree.Cast`.
- Cones, polygons and distances are arithmetic; a shape in a filter has ranges of coordinates before
  it, which an engine can answer from an index (`firstlight_services.tap.query.cone`, `.polygon`).
- Results have the type that their FIELD states: `tree.Cast`.

`tree.Divide` (true division) and `tree.Ordering` (NULLs last) leave nothing to spell out.
"""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatchmethod

from firstlight_services.tap.models import Type
from firstlight_services.tap.query import cone, polygon, tree
from firstlight_services.tap.query.arithmetic import in_bounds
from firstlight_services.tap.query.identity import Identities
from firstlight_services.tap.query.nan import NanGuards
from firstlight_services.tap.stopping import checkpoint

__all__ = ["lower"]

_ZERO = tree.Constant(Type.INT, 0)
_WIDER = 1e-9
"""Degrees by which the box for ``DISTANCE(…) < r`` is wider than its cone."""


def lower(query: tree.Query) -> tree.Query:
    """Replace what engines disagree on.

    Parameters
    ----------
    query
        A resolved query.

    Returns
    -------
    tree.Query
        The same query for an emitter, without points, shapes and distances.
    """
    return _Lowering().query(query)


class _Lowering:
    def __init__(self) -> None:
        # What the enclosing queries are grouped by, by the numbers of the values: an engine
        # recognizes it in an expression only if it looks as in GROUP BY, guards included.
        self._keys: dict[int, tree.Value] = {}
        self._identities = Identities()
        self._guards = NanGuards()

    def query(self, query: tree.Query) -> tree.Query:
        source = None if query.source is None else self._source(query.source)
        where = None if query.where is None else self._condition(query.where)
        keys = tuple(self._key(one) for one in query.group_by)
        outer = self._keys
        numbers = map(self._identities.of, query.group_by)
        self._keys = outer | dict(zip(numbers, keys, strict=True))
        try:
            return replace(
                query,
                outputs=tuple(replace(one, value=self._output(one.value)) for one in query.outputs),
                source=source,
                where=where,
                group_by=keys,
                having=None if query.having is None else self._condition(query.having),
                order_by=tuple(self._ordering(one) for one in query.order_by),
            )
        finally:
            self._keys = outer

    def _output(self, value: tree.Value) -> tree.Value:
        if isinstance(value, tree.ColumnRef):
            return self._value(value)
        kind = Type.CHAR if value.type is Type.NULL else value.type
        return tree.Cast(kind, self._safe(value))

    def _key(self, value: tree.Value) -> tree.Value:
        # A bare number would mean an output.
        return self._output(value) if isinstance(value, tree.Constant) else self._safe(value)

    def _ordering(self, ordering: tree.Ordering) -> tree.Ordering:
        if isinstance(ordering.by, int):
            return ordering
        return replace(ordering, by=self._safe(ordering.by))

    def _source(self, source: tree.Source) -> tree.Source:
        match source:
            case tree.QuerySource(query=query):
                return replace(source, query=self.query(query))
            case tree.JoinSource(left=left, right=right, condition=condition):
                return replace(
                    source,
                    left=self._source(left),
                    right=self._source(right),
                    condition=None if condition is None else self._condition(condition),
                )
        return source

    # --- filters, of which only the truth counts

    def _condition(self, value: tree.Value) -> tree.Value:
        """Lower a filter: a shape in it has the ranges of its coordinates before it."""
        key = self._key_of(value)
        if key is not None:
            return key
        match value:
            case tree.Logical(operands=operands):
                return replace(value, operands=tuple(self._condition(one) for one in operands))
            case tree.Within(point=point, shape=shape):
                return self._boxed(point, shape, value)
            case tree.Comparison():
                found = _as_cone(value)
                if found is not None:
                    return self._boxed(*found, value)
        return self._value(value)

    def _boxed(
        self, point: tree.Point, shape: tree.Circle | tree.Polygon, exact: tree.Value
    ) -> tree.Value:
        if isinstance(shape, tree.Polygon):
            cheap = in_bounds(self._point(point), shape.outline.bounds)
        else:
            cheap = cone.box(self._point(point), self._circle(shape))
        return tree.Logical(Type.BOOLEAN, "AND", (*cheap, self._value(exact)))

    # --- values

    def _key_of(self, value: tree.Value) -> tree.Value | None:
        """Return how GROUP BY has a value, if it does."""
        return self._keys.get(self._identities.of(value)) if self._keys else None

    def _value(self, value: tree.Value) -> tree.Value:
        checkpoint()
        return self._key_of(value) or self._lower(value)

    def _safe(self, value: tree.Value) -> tree.Value:
        """Lower a value, and make its NaN NULL: to many engines, NaN is the greatest number."""
        return self._guards.guarded(self._value(value))

    def _divisor(self, value: tree.Value) -> tree.Value:
        if isinstance(value, tree.Constant) and value.value:
            return self._value(value)
        return self._unless_zero(value)

    def _unless_zero(self, value: tree.Value) -> tree.Value:
        return tree.NullIf(value.type, self._value(value), _ZERO)

    @singledispatchmethod
    def _lower(self, value: tree.Value) -> tree.Value:
        raise TypeError(type(value))

    @_lower.register
    def _(self, value: tree.Constant) -> tree.Value:
        return value

    @_lower.register
    def _(self, value: tree.ColumnRef) -> tree.Value:
        return value

    @_lower.register
    def _(self, value: tree.Negation) -> tree.Value:
        return tree.Negation(value.type, self._value(value.operand))

    @_lower.register
    def _(self, value: tree.Not) -> tree.Value:
        return tree.Not(value.type, self._value(value.operand))

    @_lower.register
    def _(self, value: tree.Arithmetic) -> tree.Value:
        left = self._value(value.left)
        right = (self._divisor if value.operator == "%" else self._value)(value.right)
        if value.type is Type.LONG:
            # Catalogs' small integers must not overflow where their sum fits.
            left = tree.Cast(Type.LONG, left)
        return tree.Arithmetic(value.type, value.operator, left, right)

    @_lower.register
    def _(self, value: tree.Divide) -> tree.Value:
        return tree.Divide(value.type, self._value(value.left), self._divisor(value.right))

    @_lower.register
    def _(self, value: tree.Comparison) -> tree.Value:
        left, right = self._safe(value.left), self._safe(value.right)
        return tree.Comparison(value.type, value.operator, left, right)

    @_lower.register
    def _(self, value: tree.Logical) -> tree.Value:
        operands = tuple(self._value(one) for one in value.operands)
        return tree.Logical(value.type, value.operator, operands)

    @_lower.register
    def _(self, value: tree.Between) -> tree.Value:
        operand, low, high = map(self._safe, (value.operand, value.low, value.high))
        return tree.Between(value.type, operand, low, high)

    @_lower.register
    def _(self, value: tree.InList) -> tree.Value:
        choices = tuple(map(self._safe, value.choices))
        return tree.InList(value.type, self._safe(value.operand), choices)

    @_lower.register
    def _(self, value: tree.InQuery) -> tree.Value:
        return tree.InQuery(value.type, self._safe(value.operand), self.query(value.query))

    @_lower.register
    def _(self, value: tree.Like) -> tree.Value:
        operand, pattern = self._value(value.operand), self._value(value.pattern)
        return tree.Like(value.type, operand, pattern, value.ignores_case)

    @_lower.register
    def _(self, value: tree.IsNull) -> tree.Value:
        return tree.IsNull(value.type, self._safe(value.operand))

    @_lower.register
    def _(self, value: tree.Exists) -> tree.Value:
        return tree.Exists(value.type, self.query(value.query))

    @_lower.register
    def _(self, value: tree.Scalar) -> tree.Value:
        return tree.Scalar(value.type, self.query(value.query))

    @_lower.register
    def _(self, value: tree.Case) -> tree.Value:
        branches = tuple((self._value(when), self._value(then)) for when, then in value.branches)
        otherwise = None if value.otherwise is None else self._value(value.otherwise)
        return tree.Case(value.type, branches, otherwise)

    @_lower.register
    def _(self, value: tree.Cast) -> tree.Value:
        return tree.Cast(value.type, self._value(value.operand))

    @_lower.register
    def _(self, value: tree.Call) -> tree.Value:
        match value.name, value.arguments:
            case "LOG" | "LOG10", (argument,):
                return replace(value, arguments=(self._unless_zero(argument),))
            case "SCISQL_NANOJANSKYTOABMAG", (flux,):
                return self._magnitude(flux)
            case "MOD", (left, right):
                return tree.Arithmetic(value.type, "%", self._value(left), self._divisor(right))
            case "ROUND" | "TRUNCATE", (argument,):
                return replace(value, arguments=(self._value(argument), _ZERO))
        # To the power of 0, even NaN is 1.
        guarded = value.aggregate or value.name in ("COALESCE", "POWER")
        change = self._safe if guarded else self._value
        return replace(value, arguments=tuple(map(change, value.arguments)))

    def _magnitude(self, flux: tree.Value) -> tree.Value:
        """Return the AB magnitude of a flux in nJy, as Qserv's function of that name has it."""
        zero_point, scale = (tree.Constant(Type.DOUBLE, one) for one in (31.4, 2.5))
        logarithm = tree.Call(Type.DOUBLE, "LOG10", (self._unless_zero(flux),))
        scaled = tree.Arithmetic(Type.DOUBLE, "*", scale, logarithm)
        return tree.Arithmetic(Type.DOUBLE, "-", zero_point, scaled)

    # --- geometry

    @_lower.register
    def _(self, value: tree.Within) -> tree.Value:
        point, shape = self._point(value.point), value.shape
        if isinstance(shape, tree.Polygon):
            guarded = _as_it_is if _is_on_sky(value.point) else self._guards.guarded
            return polygon.contains(point, shape.outline, guarded)
        found = cone.contains(point, self._circle(shape))
        return found if _is_on_sky(value.point, shape.center) else self._compared(found)

    @_lower.register
    def _(self, value: tree.Distance) -> tree.Value:
        found = cone.angle(self._point(value.left), self._point(value.right))
        return self._guards.trust(found) if _is_on_sky(value.left, value.right) else found

    def _compared(self, comparison: tree.Comparison) -> tree.Value:
        left, right = map(self._guards.guarded, (comparison.left, comparison.right))
        return replace(comparison, left=left, right=right)

    def _point(self, point: tree.Point) -> tree.Point:
        return tree.Point(point.type, self._value(point.ra), self._value(point.dec))

    def _circle(self, circle: tree.Circle) -> tree.Circle:
        return tree.Circle(circle.type, self._point(circle.center), self._safe(circle.radius))


def _as_it_is(value: tree.Value) -> tree.Value:
    return value


def _is_on_sky(*points: tree.Point) -> bool:
    """Return whether coordinates are known to be finite: constants, and the catalogs' positions."""
    return all(
        isinstance(one, tree.Constant)
        or (isinstance(one, tree.ColumnRef) and one.described.ucd.startswith("pos.eq."))
        for point in points
        for one in (point.ra, point.dec)
    )


def _as_cone(value: tree.Comparison) -> tuple[tree.Point, tree.Circle] | None:
    """Return the cone that ``DISTANCE(…) < r`` asks for, which makes it as fast as CONTAINS."""
    distance, radius = value.left, value.right
    if value.operator not in ("<", "<=") or not isinstance(distance, tree.Distance):
        return None
    if not isinstance(radius, tree.Constant) or not isinstance(radius.value, int | float):
        return None
    # Only the box is made of it, so it may be a little wider.
    r = float(radius.value) + _WIDER
    if not 0 <= r <= 180:
        return None
    point, center = distance.left, distance.right
    if not isinstance(center.dec, tree.Constant):
        point, center = center, point
    return point, tree.Circle(Type.CIRCLE, center, tree.Constant(Type.DOUBLE, r))
