"""Outlines of polygons on the sky: whether they are valid, and what is inside of them.

Edges are great circles, and the inside is the smaller side, whatever the order of the vertices
(ADQL 2.1, section 4.2.14). Vectors are rows of arrays; angles are radians unless stated otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from firstlight_services.tap.errors import QueryError
from firstlight_services.tap.query.bounds import MARGIN, Bounds, around

__all__ = ["ON_EDGE", "Outline", "outline", "rectangle"]

ON_EDGE = 4e-15
"""How near to an edge a position counts as on it: a nanoarcsecond, about the error of rounding."""

_TOUCHES = 1e-12
"""How near to an edge another vertex must not be, since nobody could tell the sides apart."""

_OPPOSITE = 1e-9
"""How near to opposite two points must not be, since any great circle nearly connects them."""

_CONVEX = 1e-14
"""How far a vertex may be on the wrong side of an edge of a convex polygon."""

_DIRECTIONS = 256
_ORDER = "List the vertices in order along the outline, each of them once."

Vectors = NDArray[np.float64]


@dataclass(frozen=True)
class Outline:
    """The outline of a polygon, made by `outline`.

    Attributes
    ----------
    vertices
        Right ascensions and declinations, degrees; the inside is to the left of the way along them.
    """

    vertices: tuple[tuple[float, float], ...]

    @cached_property
    def corners(self) -> Vectors:
        """The vertices as vectors."""
        return np.array([_vector(*one) for one in self.vertices])

    @cached_property
    def normals(self) -> Vectors:
        """For each edge, which begins at the vertex of that number, the direction of its inside."""
        return _normals(self.corners)

    @cached_property
    def onward(self) -> Vectors:
        """For each edge, the direction in which it begins."""
        return np.cross(self.normals, self.corners)

    @cached_property
    def backward(self) -> Vectors:
        """For each edge, the direction from its end back to its beginning."""
        return np.cross(_next(self.corners), self.normals)

    @cached_property
    def convex(self) -> bool:
        """Whether the polygon is what is inside of every edge."""
        return bool((self.normals @ self.corners.T >= -_CONVEX).all())

    @cached_property
    def reference(self) -> Vectors:
        """A direction that is far from the great circles of all edges.

        Notes
        -----
        Half great circles from it cross every edge at an angle, so whether one passes a vertex on
        the left or on the right decides which of two adjacent edges it crosses.
        """
        height = (np.arange(_DIRECTIONS) + 0.5) / _DIRECTIONS * 2 - 1
        turn = np.arange(_DIRECTIONS) * math.pi * (3 - math.sqrt(5))
        flat = np.sqrt(1 - height**2)
        directions = np.stack([flat * np.cos(turn), flat * np.sin(turn), height], -1)
        nearest = np.abs(directions @ self.normals.T).min(1)
        return np.asarray(directions[int(nearest.argmax())])

    @cached_property
    def meridians(self) -> Vectors:
        """For each vertex, the normal of the half great circle from the reference through it."""
        return np.cross(self.reference, self.corners)

    @cached_property
    def left(self) -> NDArray[np.bool_]:
        """For each edge, whether the reference is on its left."""
        return np.asarray(self.normals @ self.reference > 0)

    @cached_property
    def has_reference(self) -> bool:
        """Whether the reference is inside.

        Notes
        -----
        The triangles between the edges and the point opposite to a point add up to the polygon's
        area if the point is outside, and to that minus the whole sky if it is inside.
        """
        area = 2 * math.pi - float(_turns(self.corners, self.normals).sum())
        first, last, apex = self.corners, _next(self.corners), -self.reference
        volume = np.cross(first, last) @ apex
        cosines = 1 + first @ apex + last @ apex + (first * last).sum(1)
        return float(2 * np.arctan2(volume, cosines).sum()) < area - 2 * math.pi

    def contains(self, position: Vectors) -> bool:
        """Return whether a position is inside or on the outline.

        Notes
        -----
        `firstlight_services.tap.query.polygon` has the same as arithmetic.
        """
        sides = self.normals @ position
        if self.convex:
            return bool((sides >= -ON_EDGE).all())
        on_edge = (
            (np.abs(sides) <= ON_EDGE)
            & (self.onward @ position >= -ON_EDGE)
            & (self.backward @ position >= -ON_EDGE)
        )
        if on_edge.any():
            return True
        past = self.meridians @ position >= 0
        crossed = np.where(
            self.left, past & ~_next(past) & (sides < 0), _next(past) & ~past & (sides > 0)
        )
        return bool(crossed.sum() % 2) is not self.has_reference

    def distance(self, ra: float, dec: float) -> float:
        """Return how far a position is from the polygon; 0 if it is inside. Everything is degrees.

        Parameters
        ----------
        ra, dec
            The position.
        """
        position = _vector(ra, dec)
        if self.contains(position):
            return 0.0
        chords = np.linalg.norm(self.corners - position, axis=1)
        nearest = 2 * math.asin(min(1.0, float(chords.min()) / 2))
        beside = (self.onward @ position >= 0) & (self.backward @ position >= 0)
        across = np.abs(self.normals @ position)[beside]
        if across.size:
            nearest = min(nearest, math.asin(min(1.0, float(across.min()))))
        return math.degrees(nearest)

    @cached_property
    def center(self) -> tuple[float, float]:
        """A position in the middle of the vertices, degrees."""
        x, y, z = map(float, self.corners.sum(0))
        return math.degrees(math.atan2(y, x)) % 360.0, math.degrees(math.atan2(z, math.hypot(x, y)))

    @cached_property
    def bounds(self) -> Bounds:
        """Limits of its coordinates."""
        decs = [dec for _, dec in self.vertices]
        low, high = self._extremes(min(decs), max(decs))
        x, y, _ = self.corners.T
        turns = np.arctan2(x * _next(y) - y * _next(x), x * _next(x) + y * _next(y))
        # Without a pole inside, the way along the outline ends at the right ascension it began at.
        ras = np.degrees(np.concatenate([[0.0], np.cumsum(turns)])) + self.vertices[0][0]
        first, last = float(ras.min()), float(ras.max())
        flattest = max(math.cos(math.radians(max(abs(low), abs(high)))), 1e-300)
        return around(low, high, (first + last) / 2, (last - first) / 2 + MARGIN / flattest)

    def _extremes(self, low: float, high: float) -> tuple[float, float]:
        """Return the lowest and highest declination, given those of the vertices."""
        up = np.array([0.0, 0.0, 1.0])
        # The point of each edge's great circle that is nearest to the north pole.
        tops = up - self.normals * self.normals[:, 2:]
        norms = np.linalg.norm(tops, axis=1)
        tops /= np.maximum(norms, 1e-300)[:, None]
        highest = np.degrees(np.arctan2(norms, np.abs(self.normals[:, 2])))
        for sign in (1, -1):
            along, back = ((one * tops).sum(1) * sign for one in (self.onward, self.backward))
            passed = highest[(along >= 0) & (back >= 0)]
            extreme = 90.0 if self.contains(sign * up) else float(passed.max(initial=-90.0))
            if sign > 0:
                high = max(high, extreme)
            else:
                low = min(low, -extreme)
        return low, high


def outline(vertices: Sequence[tuple[float, float]]) -> Outline:
    """Return the outline of a polygon.

    Parameters
    ----------
    vertices
        Right ascensions and declinations, degrees; the first may be repeated at the end.

    Raises
    ------
    QueryError
        ``bad_polygon`` if they are not the outline of an area.
    """
    vertices = list(vertices)
    if len(vertices) > 1 and vertices[0] == vertices[-1]:
        vertices.pop()
    if len(vertices) < 3:
        raise _bad("A polygon has at least three different vertices.")
    corners = np.array([_vector(*one) for one in vertices])
    following = _next(corners)
    _refuse(
        np.linalg.norm(corners - following, axis=1) < _TOUCHES,
        "The vertices {} and {} of the polygon are the same position.",
        _ORDER,
    )
    _refuse(
        np.linalg.norm(corners + following, axis=1) < _OPPOSITE,
        "The vertices {} and {} of the polygon are opposite points of the sky, which no single "
        "great circle connects.",
        "Put another vertex between them.",
    )
    normals = _normals(corners)
    _refuse_contact(corners, normals)
    turn = float(_turns(corners, normals).sum())
    if abs(turn) < _OPPOSITE:
        raise _bad(
            "The polygon is half of the sky, so neither side of it is the smaller one.",
            "Write a condition on dec, or a CIRCLE with a radius of 90 degrees.",
        )
    return Outline(tuple(vertices if turn > 0 else reversed(vertices)))


def rectangle(ra: float, dec: float, width: float, height: float) -> Outline:
    """Return the outline of a box.

    Parameters
    ----------
    ra, dec
        The centre, degrees.
    width, height
        The lengths of the arms of a cross at the centre, degrees, between 0 and 180.

    Notes
    -----
    The sides are the great circles that cross the ends of the arms at right angles (STC 1.33,
    section 4.5.1.5, which ADQL 2.1, section 4.2.9, quotes). In the tangent plane at the centre,
    they are a rectangle.
    """
    east = math.tan(math.radians(width / 2))
    north = math.tan(math.radians(height / 2))
    middle = _vector(ra, dec)
    alpha = math.radians(ra)
    eastward = np.array([-math.sin(alpha), math.cos(alpha), 0.0])
    northward = np.cross(middle, eastward)
    found = []
    for x, y in ((east, north), (-east, north), (-east, -north), (east, -north)):
        a, b, c = map(float, middle + x * eastward + y * northward)
        found.append(
            (math.degrees(math.atan2(b, a)) % 360.0, math.degrees(math.atan2(c, math.hypot(a, b))))
        )
    return outline(found)


def _vector(ra: float, dec: float) -> Vectors:
    alpha, delta = math.radians(ra), math.radians(dec)
    flat = math.cos(delta)
    return np.array([flat * math.cos(alpha), flat * math.sin(alpha), math.sin(delta)])


def _next[Kind: np.generic](values: NDArray[Kind]) -> NDArray[Kind]:
    """Return the rows in the order in which each is followed by what came after it."""
    return np.roll(values, -1, axis=0)


def _normals(corners: Vectors) -> Vectors:
    """Return the unit vectors to the left of the edges; of short edges, without cancellation."""
    following = _next(corners)
    crossed = np.cross(corners - following, corners + following)
    return np.asarray(crossed / np.linalg.norm(crossed, axis=1, keepdims=True))


def _turns(corners: Vectors, normals: Vectors) -> Vectors:
    """Return by how much the outline turns left at each vertex."""
    before = np.roll(normals, 1, axis=0)
    sines = (np.cross(before, normals) * corners).sum(1)
    return np.arctan2(sines, (before * normals).sum(1))


def _refuse(pairs: NDArray[np.bool_], message: str, hint: str) -> None:
    """Refuse an outline in which something is wrong with a vertex and the next one."""
    if pairs.any():
        first = int(pairs.argmax())
        raise _bad(message.format(first + 1, (first + 1) % len(pairs) + 1), hint)


def _refuse_contact(corners: Vectors, normals: Vectors) -> None:
    """Refuse an outline that crosses or touches itself."""
    count = len(corners)
    # Rows are edges, columns vertices: on which side of the edge each vertex is.
    sides = normals @ corners.T
    onward = np.cross(normals, corners) @ corners.T
    backward = np.cross(_next(corners), normals) @ corners.T
    touches = (np.abs(sides) < _TOUCHES) & (onward > -_TOUCHES) & (backward > -_TOUCHES)
    own = np.eye(count, dtype=bool)
    touches &= ~(own | np.roll(own, 1, axis=1))
    if touches.any():
        edge, vertex = map(int, np.argwhere(touches)[0])
        raise _bad(
            f"The outline of the polygon touches itself: vertex {vertex + 1} is on the edge from "
            f"vertex {edge + 1} to vertex {(edge + 1) % count + 1}.",
            _ORDER,
        )
    # Edges a→b (rows) and c→d (columns) cross if each has the other's ends on opposite sides, and
    # in the sense that they meet on the same half of the sky.
    c, d = sides, np.roll(sides, -1, axis=1)
    a, b = sides.T, np.roll(sides, -1, axis=1).T
    crosses = (c * d < 0) & (c * b > 0) & (c * a < 0)
    adjacent = own | np.roll(own, 1, axis=1) | np.roll(own, -1, axis=1)
    crosses &= ~adjacent
    if crosses.any():
        one, other = (int(edge) for edge in np.argwhere(crosses)[0])
        raise _bad(
            f"The outline of the polygon crosses itself: the edge from vertex {one + 1} to vertex "
            f"{(one + 1) % count + 1} crosses that from vertex {other + 1} to vertex "
            f"{(other + 1) % count + 1}.",
            _ORDER,
        )


def _bad(message: str, hint: str = "") -> QueryError:
    example = "Write POLYGON('ICRS', 61.9, -37.1, 62.1, -37.1, 62.0, -36.9)"
    return QueryError("bad_polygon", message, hint=hint or example)
