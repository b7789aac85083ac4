"""Cones as arithmetic: an exact test, and a cheap one that an engine can answer from an index."""

from __future__ import annotations

import math

from firstlight_services.tap.models import Type
from firstlight_services.tap.query import tree
from firstlight_services.tap.query.arithmetic import (
    call,
    constant,
    in_bounds,
    minus,
    number,
    plus,
    product,
)
from firstlight_services.tap.query.bounds import MARGIN, Bounds, around

__all__ = ["angle", "bounds", "box", "contains"]

_TWO = tree.Constant(Type.INT, 2)


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
    if abs(dec) + radius >= 90:
        return around(dec - radius, dec + radius, ra, 180.0)
    ratio = math.sin(math.radians(radius)) / math.cos(math.radians(dec))
    half = math.degrees(math.asin(min(1.0, ratio))) + MARGIN / math.cos(math.radians(dec))
    return around(dec - radius, dec + radius, ra, half)


def contains(point: tree.Point, circle: tree.Circle) -> tree.Comparison:
    """Return the exact test of whether a point lies in a circle.

    Notes
    -----
    sin²(d/2) of the distance d is compared with that of the radius. It is exact where cos(d) is
    not: cones are arcseconds wide, and 1 - cos(1″) is 1e-11.
    """
    radius = constant(circle.radius)
    limit: tree.Value
    if radius is None:
        # A cone of a negative radius contains nothing, one of more than 180 degrees everything.
        half = _half_sine_squared(call("LEAST", circle.radius, tree.Constant(Type.INT, 180)))
        limit = product(call("SIGN", circle.radius), half)
    else:
        # Rounding must not exclude the antipode from the whole sky.
        limit = number(2.0 if radius >= 180 else math.sin(math.radians(radius) / 2) ** 2)
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
    rest = call("ABS", minus(number(1.0), distance))
    half = call("ATAN2", call("SQRT", distance), call("SQRT", rest))
    return call("DEGREES", product(_TWO, half))


def box(point: tree.Point, circle: tree.Circle) -> list[tree.Value]:
    """Return cheap conditions that are true for every point in a circle.

    They are for filters only: where a coordinate is NULL, so is whether the point is in the
    circle, but a box may be false.
    """
    center = circle.center
    ra0, dec0, radius = map(constant, (center.ra, center.dec, circle.radius))
    if ra0 is None or dec0 is None or radius is None:
        margin = plus(circle.radius, number(MARGIN))
        low, high = minus(center.dec, margin), plus(center.dec, margin)
        return [tree.Between(Type.BOOLEAN, point.dec, low, high)]
    return in_bounds(point, bounds(ra0, dec0, radius))


def _haversine(point: tree.Point, center: tree.Point) -> tree.Value:
    """Return sin²(d/2) of the distance d of two points."""
    north = _half_sine_squared(minus(point.dec, center.dec))
    east = _half_sine_squared(minus(point.ra, center.ra))
    return plus(north, product(_cosine(point.dec), _cosine(center.dec), east))


def _half_sine_squared(degrees: tree.Value) -> tree.Value:
    half = tree.Divide(Type.DOUBLE, call("RADIANS", degrees), _TWO)
    return call("POWER", call("SIN", half), _TWO)


def _cosine(degrees: tree.Value) -> tree.Value:
    known = constant(degrees)
    if known is not None:
        return number(math.cos(math.radians(known)))
    return call("COS", call("RADIANS", degrees))
