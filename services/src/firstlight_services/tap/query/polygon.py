"""Polygons as arithmetic: whether a point is inside of an outline."""

from __future__ import annotations

from collections.abc import Callable

from firstlight_services.tap.models import Type
from firstlight_services.tap.query import tree
from firstlight_services.tap.query.arithmetic import between, call, number, plus, product, total
from firstlight_services.tap.query.outline import ON_EDGE, Outline, Vectors

__all__ = ["contains"]

_Guard = Callable[[tree.Value], tree.Value]


def contains(point: tree.Point, outline: Outline, guarded: _Guard) -> tree.Value:
    """Return the exact test of whether a point lies in a polygon, outline included.

    Parameters
    ----------
    point
        The point, lowered.
    outline
        The polygon.
    guarded
        What to do with sines and cosines of the point's coordinates, which may be NaN.

    Notes
    -----
    It compares linear combinations of the point's vector, each of which has all three components,
    so that without a coordinate all of it is NULL. A convex polygon is what is inside of every
    edge. Otherwise, the way from a reference to the point is followed: each edge that it crosses
    leads in or out (`Outline.reference`).
    """
    position = _Position(point, guarded)
    if outline.convex:
        inside = [_at_least(position.along(one), -ON_EDGE) for one in outline.normals]
        return tree.Logical(Type.BOOLEAN, "AND", tuple(inside))
    crossed = _crossings(position, outline)
    odd = tree.Arithmetic(Type.INT, "%", total(crossed), tree.Constant(Type.INT, 2))
    wanted = tree.Constant(Type.INT, 0 if outline.has_reference else 1)
    inside = [tree.Comparison(Type.BOOLEAN, "=", odd, wanted), *_on_edges(position, outline)]
    return tree.Logical(Type.BOOLEAN, "OR", tuple(inside))


class _Position:
    """The vector of a point, of which engines calculate linear combinations."""

    def __init__(self, point: tree.Point, guarded: _Guard) -> None:
        ra, dec = (call("RADIANS", one) for one in (point.ra, point.dec))
        self._cos_ra, self._sin_ra = guarded(call("COS", ra)), guarded(call("SIN", ra))
        self._cos_dec, self._sin_dec = guarded(call("COS", dec)), guarded(call("SIN", dec))

    def along(self, direction: Vectors) -> tree.Value:
        """Return the component of the point's vector in a direction."""
        x, y, z = (number(float(one)) for one in direction)
        flat = plus(product(x, self._cos_ra), product(y, self._sin_ra))
        return plus(product(self._cos_dec, flat), product(z, self._sin_dec))


def _crossings(position: _Position, outline: Outline) -> list[tree.Value]:
    """Return for each edge 1 if the way from the reference to the point crosses it, otherwise 0."""
    past = [position.along(one) for one in outline.meridians]
    sides = [position.along(one) for one in outline.normals]
    found: list[tree.Value] = []
    for edge, side in enumerate(sides):
        first, second = past[edge], past[(edge + 1) % len(past)]
        if not outline.left[edge]:
            first, second = second, first
        crossed = (
            _at_least(first, 0.0),
            _compared("<", second, 0.0),
            _compared("<" if outline.left[edge] else ">", side, 0.0),
        )
        found.append(tree.Cast(Type.INT, tree.Logical(Type.BOOLEAN, "AND", crossed)))
    return found


def _on_edges(position: _Position, outline: Outline) -> list[tree.Value]:
    """Return for each edge whether the point is on it."""
    edges = zip(outline.normals, outline.onward, outline.backward, strict=True)
    return [
        tree.Logical(
            Type.BOOLEAN,
            "AND",
            (
                between(position.along(normal), (-ON_EDGE, ON_EDGE)),
                _at_least(position.along(onward), -ON_EDGE),
                _at_least(position.along(backward), -ON_EDGE),
            ),
        )
        for normal, onward, backward in edges
    ]


def _at_least(value: tree.Value, limit: float) -> tree.Value:
    return _compared(">=", value, limit)


def _compared(operator: str, value: tree.Value, limit: float) -> tree.Value:
    return tree.Comparison(Type.BOOLEAN, operator, value, number(limit))
