"""ADQL's geometry (ADQL 2.1, section 4.2): points, shapes, and relations between them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from firstlight_services.tap.errors import QueryError
from firstlight_services.tap.models import Type
from firstlight_services.tap.query import tree
from firstlight_services.tap.query.outline import outline, rectangle
from firstlight_services.tap.query.size import QuerySize
from firstlight_services.tap.query.typing import as_number

__all__ = ["geometry"]

_Values = tuple[tree.Value, ...]

_POLYGON = "POLYGON('ICRS', 61.9, -37.1, 62.1, -37.1, 62.0, -36.9)"
_BOX = "BOX('ICRS', 62.0, -37.0, 0.2, 0.1)"


def geometry(name: str, arguments: _Values, size: QuerySize) -> tree.Value:
    """Return the meaning of a geometry function.

    Parameters
    ----------
    name, arguments
        The function.
    size
        Counts the vertices of polygons.

    Raises
    ------
    QueryError
        ``bad_arguments``, ``bad_polygon``, ``not_supported``, ``too_many_vertices``.
    """
    if name == "POLYGON":
        return _polygon(arguments, size)
    if name == "BOX":
        size.vertices(4)
    return _FUNCTIONS[name](arguments)


def _point(arguments: _Values) -> tree.Point:
    arguments = _without_frame("POINT", arguments)
    if len(arguments) != 2:
        raise _bad("POINT takes two coordinates in degrees.", "POINT('ICRS', ra, dec)")
    ra, dec = (_folded(one) for one in arguments)
    if isinstance(dec, tree.Constant) and abs(_number(dec)) > 90:
        example = "POINT('ICRS', 62.0, -37.0)"
        raise _bad("A declination must be between -90 and 90 degrees.", example)
    return tree.Point(Type.POINT, ra, dec)


def _circle(arguments: _Values) -> tree.Circle:
    arguments = _without_frame("CIRCLE", arguments)
    if len(arguments) == 2 and isinstance(arguments[0], tree.Point):
        center, radius = arguments[0], arguments[1]
    elif len(arguments) == 3:
        center, radius = _point(arguments[:2]), arguments[2]
    else:
        raise _bad(
            "CIRCLE takes a centre and a radius in degrees.", "CIRCLE('ICRS', 62.0, -37.0, 0.05)"
        )
    radius = _folded(radius)
    if isinstance(radius, tree.Constant) and not 0 <= _number(radius) <= 180:
        raise _bad("A radius must be between 0 and 180 degrees.")
    return tree.Circle(Type.CIRCLE, center, radius)


def _polygon(arguments: _Values, size: QuerySize) -> tree.Polygon:
    arguments = _without_frame("POLYGON", arguments)
    if arguments and all(isinstance(one, tree.Point) for one in arguments):
        points = [one for one in arguments if isinstance(one, tree.Point)]
    elif len(arguments) % 2:
        raise _bad("POLYGON takes pairs of coordinates in degrees, one pair a vertex.", _POLYGON)
    else:
        pairs = zip(arguments[::2], arguments[1::2], strict=True)
        points = [_point(pair) for pair in pairs]
    size.vertices(len(points))
    vertices = [(_fixed(one.ra, "POLYGON"), _fixed(one.dec, "POLYGON")) for one in points]
    return tree.Polygon(Type.POLYGON, outline(vertices))


def _box(arguments: _Values) -> tree.Polygon:
    arguments = _without_frame("BOX", arguments)
    if len(arguments) == 3 and isinstance(arguments[0], tree.Point):
        center, sides = arguments[0], arguments[1:]
    elif len(arguments) == 4:
        center, sides = _point(arguments[:2]), arguments[2:]
    else:
        raise _bad("BOX takes a centre, a width and a height in degrees.", _BOX)
    numbers = (center.ra, center.dec, *map(_folded, sides))
    ra, dec, width, height = (_fixed(one, "BOX") for one in numbers)
    if not (0 < width < 180 and 0 < height < 180):
        raise _bad("The width and height of a BOX must be between 0 and 180 degrees.", _BOX)
    return tree.Polygon(Type.POLYGON, rectangle(ra, dec, width, height))


def _contains(arguments: _Values) -> tree.Within:
    """Read CONTAINS and INTERSECTS of a point and a shape, in either order.

    Notes
    -----
    Taken literally, CONTAINS(circle, point) would never be true, so it is read as people mean it.
    """
    if len(arguments) == 2:
        one, other = arguments
        if isinstance(one, tree.Circle | tree.Polygon):
            one, other = other, one
        if isinstance(one, tree.Point) and isinstance(other, tree.Circle | tree.Polygon):
            return tree.Within(Type.BOOLEAN, one, other)
    raise _bad(
        "CONTAINS and INTERSECTS take a POINT and a CIRCLE, POLYGON or BOX.",
        "CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 62.0, -37.0, 0.05)) = 1",
    )


def _distance(arguments: _Values) -> tree.Distance:
    if len(arguments) == 4:
        return tree.Distance(Type.DOUBLE, _point(arguments[:2]), _point(arguments[2:]))
    if len(arguments) == 2:
        one, other = arguments
        if isinstance(one, tree.Point) and isinstance(other, tree.Point):
            return tree.Distance(Type.DOUBLE, one, other)
    raise _bad(
        "DISTANCE takes two points, or four coordinates.",
        "DISTANCE(POINT('ICRS', ra, dec), POINT('ICRS', 62.0, -37.0))",
    )


_FUNCTIONS: Mapping[str, Callable[[_Values], tree.Value]] = {
    "POINT": _point,
    "CIRCLE": _circle,
    "BOX": _box,
    "CONTAINS": _contains,
    "INTERSECTS": _contains,
    "DISTANCE": _distance,
}


def _without_frame(name: str, arguments: _Values) -> _Values:
    """Drop the coordinate system, which ADQL 2.1 deprecates and everybody writes."""
    first = arguments[0] if arguments else None
    if not isinstance(first, tree.Constant) or not isinstance(first.value, str):
        return arguments
    if first.value.upper().split(" ")[0] not in ("ICRS", ""):
        raise _bad(f"Coordinates must be ICRS, not {first.value}.", f"{name}('ICRS', …)")
    return arguments[1:]


def _fixed(value: tree.Value, shape: str) -> float:
    """Return a number that must not depend on the data."""
    if isinstance(value, tree.Constant) and isinstance(value.value, float):
        return value.value
    raise _bad(
        f"The coordinates and sizes of a {shape} must be numbers, not columns.",
        _BOX if shape == "BOX" else _POLYGON,
    )


def _folded(value: tree.Value) -> tree.Value:
    """Return a number as a constant if it does not depend on the data."""
    value = as_number(value)
    number = _fold(value)
    if number is None:
        return value
    if not math.isfinite(number):
        raise _bad("A coordinate is not a finite number.")
    return tree.Constant(Type.DOUBLE, number)


def _fold(value: tree.Value) -> float | None:
    match value:
        case tree.Constant(value=int() | float() as number):
            return float(number)
        case tree.Negation(operand=operand):
            inner = _fold(operand)
            return None if inner is None else -inner
        case tree.Divide(left=left, right=right):
            one, other = _fold(left), _fold(right)
            return None if one is None or not other else one / other
        case tree.Arithmetic(operator="+" | "-" | "*" as operator, left=left, right=right):
            one, other = _fold(left), _fold(right)
            if one is None or other is None:
                return None
            return {"+": one + other, "-": one - other, "*": one * other}[operator]
    return None


def _number(constant: tree.Constant) -> float:
    return float(constant.value) if isinstance(constant.value, int | float) else math.nan


def _bad(message: str, example: str = "") -> QueryError:
    return QueryError("bad_arguments", message, hint=f"Write {example}" if example else "")
