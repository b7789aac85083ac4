"""Short names for the nodes that cones and polygons are lowered to."""

from __future__ import annotations

from collections.abc import Sequence

from firstlight_services.tap.models import Type
from firstlight_services.tap.query import tree
from firstlight_services.tap.query.bounds import Bounds

__all__ = [
    "between",
    "call",
    "constant",
    "in_bounds",
    "minus",
    "number",
    "plus",
    "product",
    "total",
]


def number(value: float) -> tree.Constant:
    """Return a number as a value."""
    return tree.Constant(Type.DOUBLE, value)


def constant(value: tree.Value) -> float | None:
    """Return the number that a value is, or None if it depends on the data."""
    if isinstance(value, tree.Constant) and isinstance(value.value, float):
        return value.value
    return None


def call(name: str, *arguments: tree.Value) -> tree.Call:
    """Return a function of numbers."""
    return tree.Call(Type.DOUBLE, name, arguments)


def plus(left: tree.Value, right: tree.Value) -> tree.Value:
    """Return a sum."""
    return tree.Arithmetic(Type.DOUBLE, "+", left, right)


def minus(left: tree.Value, right: tree.Value) -> tree.Value:
    """Return a difference."""
    return tree.Arithmetic(Type.DOUBLE, "-", left, right)


def product(*factors: tree.Value) -> tree.Value:
    """Return a product of one or more factors."""
    result, *others = factors
    for factor in others:
        result = tree.Arithmetic(Type.DOUBLE, "*", result, factor)
    return result


def total(terms: Sequence[tree.Value]) -> tree.Value:
    """Return the sum of integers, as a tree that is not deeper than it must be."""
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    return tree.Arithmetic(Type.INT, "+", total(terms[:half]), total(terms[half:]))


def between(value: tree.Value, limits: tuple[float, float]) -> tree.Value:
    """Return the condition that a value is within limits."""
    low, high = map(number, limits)
    return tree.Between(Type.BOOLEAN, value, low, high)


def in_bounds(point: tree.Point, bounds: Bounds) -> list[tree.Value]:
    """Return cheap conditions that are true for every point within bounds.

    They are for filters only: where a coordinate is NULL, so is whether the point is in the shape,
    but a range may be false.
    """
    found = [between(point.dec, bounds.dec)]
    # Only the catalogs' own right ascensions are known to be within [0, 360].
    is_ra = isinstance(point.ra, tree.ColumnRef) and point.ra.described.ucd.startswith("pos.eq.ra")
    if bounds.ra and is_ra:
        ranges = tuple(between(point.ra, one) for one in bounds.ra)
        found.append(ranges[0] if len(ranges) == 1 else tree.Logical(Type.BOOLEAN, "OR", ranges))
    return found
