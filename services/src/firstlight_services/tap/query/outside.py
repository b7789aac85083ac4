"""Whether a query searches where its table has no data, and what to tell its author then."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from firstlight_services.tap.coverage import Cap
from firstlight_services.tap.models import Table
from firstlight_services.tap.query import cone, tree
from firstlight_services.tap.query.outline import Outline
from firstlight_services.tap.stopping import checkpoint

__all__ = ["Outside", "outside"]

_Excludes = Callable[[Cap], bool]


@dataclass(frozen=True, slots=True)
class Outside:
    """A search outside the area that a table covers.

    Attributes
    ----------
    table
        The table.
    text
        Where its data are, with an example; sentences for the query's author.
    """

    table: Table
    text: str


@dataclass(frozen=True, slots=True)
class _Condition:
    """A condition on a position: which areas none of its rows are in, and its centre if any."""

    excludes: _Excludes
    center: tuple[float, float] | None = None


def outside(query: tree.Query) -> Outside | None:
    """Return what to say if no row can meet a query's conditions on positions.

    Parameters
    ----------
    query
        A resolved query, not lowered yet.

    Notes
    -----
    Conditions joined by AND count: cones, polygons, distances from a constant, and comparisons of
    right ascension or declination with constants. They are compared with the cells that have data,
    each taken for the circle around it, so a search that misses the data by less than that says
    nothing.
    """
    sources = list(_sources(query.source))
    for source in sources:
        if isinstance(source, tree.QuerySource):
            found = outside(source.query)
            if found is not None:
                return found
    conditions = list(_conditions(query))
    for source in sources:
        if isinstance(source, tree.TableSource):
            position, coverage = source.table.position, source.table.coverage
            if position is None or coverage is None or not coverage.patches:
                continue
            known = _on_position(conditions, _Axes(source.id, *position))
            if known and all(any(one.excludes(cell) for one in known) for cell in coverage.cells):
                center = next((one.center for one in known if one.center), None)
                return Outside(source.table, _text(source.table, position, center))
    return None


def _text(table: Table, names: tuple[str, str], center: tuple[float, float] | None) -> str:
    coverage = table.coverage
    assert coverage is not None  # noqa: S101 (checked by the caller)
    patch = coverage.nearest(*center) if center else coverage.patches[0]
    around, inside = patch.around, patch.inside
    count = len(coverage.patches)
    which = "are" if count == 1 else f"are in {count} areas; the nearest is"
    ra, dec = names
    point = f"POINT('ICRS', {ra}, {dec})"
    circle = f"CIRCLE('ICRS', {inside.ra:.3f}, {inside.dec:.3f}, {max(inside.radius, 0.001):.3f})"
    # For people to copy; nothing here runs it.
    example = f"SELECT TOP 10 * FROM {table.full_name} WHERE CONTAINS({point}, {circle}) = 1"  # noqa: S608
    return (
        f"{table.full_name} has no data in the area of this query. Its data {which} within "
        f"{around.radius:.2f} degrees of right ascension {around.ra:.3f}, declination "
        f"{around.dec:.3f} (ICRS, degrees). For example: {example}"
    )


def _sources(source: tree.Source | None) -> Iterator[tree.Source]:
    pending = [source] if source is not None else []
    while pending:
        one = pending.pop()
        if isinstance(one, tree.JoinSource):
            pending += [one.right, one.left]
        else:
            yield one


def _conditions(query: tree.Query) -> Iterator[tree.Value]:
    """Yield the conditions that every row of a query meets."""
    pending = [] if query.where is None else [query.where]
    sources = [] if query.source is None else [query.source]
    while sources:
        source = sources.pop()
        # In an outer join, rows may miss the condition, and those of the inner joins in it, too.
        if isinstance(source, tree.JoinSource) and source.kind in ("INNER", "CROSS"):
            sources += [source.left, source.right]
            if source.condition is not None:
                pending.append(source.condition)
    while pending:
        one = pending.pop()
        if isinstance(one, tree.Logical) and one.operator == "AND":
            pending.extend(one.operands)
        else:
            yield one


@dataclass(frozen=True, slots=True)
class _Axes:
    """The columns with the position of a source."""

    source: str
    ra: str
    dec: str

    def axis(self, value: tree.Value) -> str:
        """Return ``ra`` or ``dec`` if a value is such a column, otherwise an empty string."""
        if not isinstance(value, tree.ColumnRef) or value.source != self.source:
            return ""
        return {self.ra: "ra", self.dec: "dec"}.get(value.column, "")

    def has(self, point: tree.Point) -> bool:
        """Return whether a point is the position of the source's rows."""
        return (self.axis(point.ra), self.axis(point.dec)) == ("ra", "dec")


def _on_position(conditions: Iterable[tree.Value], axes: _Axes) -> list[_Condition]:
    """Return what the conditions say of a source's position: shapes, and a range for each axis."""
    shapes = []
    ranges: dict[str, list[tuple[float, float]]] = {}
    for value in conditions:
        shape = _shape(value, axes)
        if shape is not None:
            shapes.append(shape)
        axis, low, high = _limits(value, axes)
        if axis:
            ranges.setdefault(axis, []).append((low, high))
    return shapes + [
        _range(axis, max(low for low, _ in limits), min(high for _, high in limits))
        for axis, limits in ranges.items()
    ]


def _shape(value: tree.Value, axes: _Axes) -> _Condition | None:
    """Return what a condition says if it is about a shape with constant coordinates."""
    match value:
        case tree.Within(point=point, shape=tree.Polygon(outline=outline)) if axes.has(point):
            return _Condition(lambda cell: not _meets(outline, cell), outline.center)
        case tree.Within(point=point, shape=tree.Circle(center=center, radius=radius)):
            return _circle(center, radius) if axes.has(point) else None
        case tree.Comparison(operator="<" | "<=", left=tree.Distance(left=left, right=right)):
            if axes.has(left) or axes.has(right):
                return _circle(right if axes.has(left) else left, value.right)
    return None


def _circle(center: tree.Point, radius: tree.Value) -> _Condition | None:
    ra, dec, size = map(_number, (center.ra, center.dec, radius))
    if ra is None or dec is None or size is None or size < 0:
        return None
    circle = Cap(ra, dec, size)
    return _Condition(lambda cell: not circle.meets(cell), (ra, dec))


def _meets(outline: Outline, cell: Cap) -> bool:
    checkpoint()
    return outline.distance(cell.ra, cell.dec) <= cell.radius


def _limits(value: tree.Value, axes: _Axes) -> tuple[str, float, float]:
    """Return the axis that a condition limits, and the limits."""
    low: float | None = None
    high: float | None = None
    axis = ""
    match value:
        case tree.Between(operand=operand):
            axis, low, high = axes.axis(operand), _number(value.low), _number(value.high)
        case tree.Comparison(operator=operator, left=left, right=right):
            axis, limit = axes.axis(left), _number(right)
            low = limit if operator in (">", ">=", "=") else None
            high = limit if operator in ("<", "<=", "=") else None
    return axis, -math.inf if low is None else low, math.inf if high is None else high


def _range(axis: str, first: float, last: float) -> _Condition:
    def excludes(cell: Cap) -> bool:
        limits = cone.bounds(cell.ra, cell.dec, cell.radius)
        # Without ranges the cell contains a pole, and every right ascension.
        ranges = (limits.dec,) if axis == "dec" else limits.ra or ((0.0, 360.0),)
        return all(high < first or low > last for low, high in ranges)

    return _Condition(excludes)


def _number(value: tree.Value) -> float | None:
    if isinstance(value, tree.Constant) and isinstance(value.value, int | float):
        return float(value.value)
    return None
