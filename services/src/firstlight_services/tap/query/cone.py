"""Cones as arithmetic: an exact test, and a cheap one that an engine can answer from an index."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from firstlight_services.tap.models import Type
from firstlight_services.tap.query import tree

__all__ = ["Bounds", "angle", "bounds", "box", "contains"]

_MARGIN = 1e-9
"""Degrees (4 µas) by which the cheap test is wider, so that rounding never loses a row."""

_TWO = tree.Constant(Type.INT, 2)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits that hold for every point of a cone, in degrees.

    Attributes
    ----------
    dec
        The lowest and highest declination.
    ra
        Ranges of right ascension, within [0, 360]; empty if the cone contains a pole.
    """

    dec: tuple[float, float]
    ra: tuple[tuple[float, float], ...]


def bounds(ra: float, dec: float, radius: float) -> Bounds:
    """Return the limits of a cone.

    Parameters
    ----------
    ra, dec
        Centre, degrees.
    radius
        Radius, degrees, from 0 to 180.

    Notes
    -----
    The meridians that touch the cone are asin(sin r / cos δ) from its centre, which is more than
    the cone's extent along the parallel of its centre.
    """
    low, high = dec - radius - _MARGIN, dec + radius + _MARGIN
    if low <= -90 or high >= 90:
        return Bounds((max(low, -90.0), min(high, 90.0)), ())
    ratio = math.sin(math.radians(radius)) / math.cos(math.radians(dec))
    half = math.degrees(math.asin(min(1.0, ratio))) + _MARGIN / math.cos(math.radians(dec))
    center = ra % 360.0
    first, last = center - half, center + half
    if first < 0:
        return Bounds((low, high), ((first + 360, 360.0), (0.0, last)))
    if last >= 360:
        return Bounds((low, high), ((first, 360.0), (0.0, last - 360)))
    return Bounds((low, high), ((first, last),))


def contains(point: tree.Point, circle: tree.Circle) -> tree.Comparison:
    """Return the exact test of whether a point lies in a circle.

    Notes
    -----
    sin²(d/2) of the distance d is compared with that of the radius. It is exact where cos(d) is
    not: cones are arcseconds wide, and 1 - cos(1″) is 1e-11.
    """
    radius = _constant(circle.radius)
    limit: tree.Value
    if radius is None:
        # A cone of a negative radius contains nothing, one of more than 180 degrees everything.
        half = _half_sine_squared(_call("LEAST", circle.radius, tree.Constant(Type.INT, 180)))
        limit = tree.Arithmetic(Type.DOUBLE, "*", _call("SIGN", circle.radius), half)
    else:
        # Rounding must not exclude the antipode from the whole sky.
        limit = _number(2.0 if radius >= 180 else math.sin(math.radians(radius) / 2) ** 2)
    distance = _haversine(point, circle.center)
    return tree.Comparison(Type.BOOLEAN, "<=", distance, limit)


def angle(left: tree.Point, right: tree.Point) -> tree.Value:
    """Return the angle between two points, in degrees.

    Notes
    -----
    2 atan2(√h, √(1-h)) of the haversine h. Rounding may take h beyond 1, which would be NaN; to
    cap it with LEAST would not do, since engines leave NULL out of that.
    """
    distance = _haversine(left, right)
    rest = _call("ABS", tree.Arithmetic(Type.DOUBLE, "-", _number(1.0), distance))
    half = _call("ATAN2", _call("SQRT", distance), _call("SQRT", rest))
    return _call("DEGREES", tree.Arithmetic(Type.DOUBLE, "*", _TWO, half))


def box(point: tree.Point, circle: tree.Circle) -> list[tree.Value]:
    """Return cheap conditions that are true for every point in a circle.

    They are for filters only: where a coordinate is NULL, so is whether the point is in the
    circle, but a box may be false.
    """
    center = circle.center
    ra0, dec0, radius = map(_constant, (center.ra, center.dec, circle.radius))
    if ra0 is None or dec0 is None or radius is None:
        margin = tree.Arithmetic(Type.DOUBLE, "+", circle.radius, _number(_MARGIN))
        low, high = (tree.Arithmetic(Type.DOUBLE, sign, center.dec, margin) for sign in "-+")
        return [tree.Between(Type.BOOLEAN, point.dec, low, high)]
    limits = bounds(ra0, dec0, radius)
    found = [_between(point.dec, limits.dec)]
    # Only the catalogs' own right ascensions are known to be within [0, 360].
    is_ra = isinstance(point.ra, tree.ColumnRef) and point.ra.described.ucd.startswith("pos.eq.ra")
    if limits.ra and is_ra:
        ranges = tuple(_between(point.ra, one) for one in limits.ra)
        found.append(ranges[0] if len(ranges) == 1 else tree.Logical(Type.BOOLEAN, "OR", ranges))
    return found


def _haversine(point: tree.Point, center: tree.Point) -> tree.Value:
    """Return sin²(d/2) of the distance d of two points."""
    north = _half_sine_squared(tree.Arithmetic(Type.DOUBLE, "-", point.dec, center.dec))
    east = _half_sine_squared(tree.Arithmetic(Type.DOUBLE, "-", point.ra, center.ra))
    return tree.Arithmetic(
        Type.DOUBLE, "+", north, _product((_cosine(point.dec), _cosine(center.dec), east))
    )


def _half_sine_squared(degrees: tree.Value) -> tree.Value:
    half = tree.Divide(Type.DOUBLE, _call("RADIANS", degrees), _TWO)
    return _call("POWER", _call("SIN", half), _TWO)


def _cosine(degrees: tree.Value) -> tree.Value:
    known = _constant(degrees)
    if known is not None:
        return _number(math.cos(math.radians(known)))
    return _call("COS", _call("RADIANS", degrees))


def _product(factors: Sequence[tree.Value]) -> tree.Value:
    product, *others = factors
    for factor in others:
        product = tree.Arithmetic(Type.DOUBLE, "*", product, factor)
    return product


def _between(value: tree.Value, limits: tuple[float, float]) -> tree.Value:
    low, high = map(_number, limits)
    return tree.Between(Type.BOOLEAN, value, low, high)


def _call(name: str, *arguments: tree.Value) -> tree.Call:
    return tree.Call(Type.DOUBLE, name, arguments)


def _number(value: float) -> tree.Constant:
    return tree.Constant(Type.DOUBLE, value)


def _constant(value: tree.Value) -> float | None:
    if isinstance(value, tree.Constant) and isinstance(value.value, float):
        return value.value
    return None
