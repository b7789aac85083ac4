"""Where on the sky a table has data, and how to say so to whoever searched somewhere else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Cap", "Cell", "Coverage", "Patch", "covering", "separation"]

_ROUNDING = 1e-6
"""Degrees by which caps are wider than what they contain."""


@dataclass(frozen=True, slots=True)
class Cap:
    """A circle on the sky, in degrees."""

    ra: float
    dec: float
    radius: float

    def meets(self, other: Cap) -> bool:
        """Return whether two circles have a point in common."""
        distance = separation(self.ra, self.dec, other.ra, other.dec)
        return distance <= self.radius + other.radius + _ROUNDING


@dataclass(frozen=True, slots=True)
class Cell:
    """A part of a stripe of constant declination that has rows.

    Attributes
    ----------
    stripe
        The number of the stripe, counted from the south pole.
    parts
        How many parts the stripe has.
    part
        The number of this one, counted from right ascension 0.
    rows
        How many rows are in it.
    """

    stripe: int
    parts: int
    part: int
    rows: int

    def cap(self, height: float) -> Cap:
        """Return a circle around it; the height of a stripe is in degrees."""
        width = 360.0 / self.parts
        ra, dec = (self.part + 0.5) * width, (self.stripe + 0.5) * height - 90.0
        corners = (
            (ra + side * width / 2, max(-90.0, min(90.0, dec + end * height / 2)))
            for side in (-1, 0, 1)
            for end in (-1, 0, 1)
        )
        return Cap(ra, dec, _ROUNDING + max(separation(ra, dec, *one) for one in corners))


@dataclass(frozen=True, slots=True)
class Patch:
    """A connected area with data.

    Attributes
    ----------
    around
        A circle that contains it.
    inside
        The part of it that has the most rows, for examples.
    """

    around: Cap
    inside: Cap


@dataclass(frozen=True, slots=True)
class Coverage:
    """Where a table has data; empty if it has no rows.

    Attributes
    ----------
    patches
        Its connected areas; the one with the most rows is first.
    cells
        Small circles that cover them.
    """

    patches: tuple[Patch, ...] = ()
    cells: tuple[Cap, ...] = ()

    def nearest(self, ra: float, dec: float) -> Patch:
        """Return the area that is nearest to a position; there must be one."""
        return min(
            self.patches,
            key=lambda one: separation(one.around.ra, one.around.dec, ra, dec) - one.around.radius,
        )


def separation(ra: float, dec: float, other_ra: float, other_dec: float) -> float:
    """Return the angle between two positions; everything is in degrees."""
    north = math.sin(math.radians(other_dec - dec) / 2) ** 2
    east = math.sin(math.radians(other_ra - ra) / 2) ** 2
    cosines = math.cos(math.radians(dec)) * math.cos(math.radians(other_dec))
    return math.degrees(2 * math.asin(min(1.0, math.sqrt(north + cosines * east))))


def covering(cells: Sequence[Cell], height: float) -> Coverage:
    """Return the coverage of a table.

    Parameters
    ----------
    cells
        The cells with rows.
    height
        The height of their stripes, degrees.
    """
    patches = []
    for group in _connected(cells):
        caps = [one.cap(height) for one in group]
        fullest = max(group, key=lambda one: one.rows)
        rows = sum(one.rows for one in group)
        patches.append((rows, Patch(_around(caps), fullest.cap(height))))
    patches.sort(key=lambda one: -one[0])
    return Coverage(tuple(patch for _, patch in patches), tuple(one.cap(height) for one in cells))


def _connected(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Return the cells in groups that touch."""
    stripes: dict[int, list[Cell]] = {}
    for cell in cells:
        stripes.setdefault(cell.stripe, []).append(cell)
    left = set(cells)
    groups = []
    while left:
        group, pending = [], [left.pop()]
        while pending:
            cell = pending.pop()
            group.append(cell)
            near = [
                other
                for stripe in (cell.stripe - 1, cell.stripe, cell.stripe + 1)
                for other in stripes.get(stripe, ())
                if other in left and _touch(cell, other)
            ]
            left.difference_update(near)
            pending.extend(near)
        groups.append(group)
    return groups


def _touch(one: Cell, other: Cell) -> bool:
    """Return whether two cells of the same or of adjacent stripes touch, or nearly so."""
    between = abs((one.part + 0.5) / one.parts - (other.part + 0.5) / other.parts)
    between = min(between, 1 - between)
    return between <= 0.5 / one.parts + 0.5 / other.parts + 1e-9


def _around(caps: Iterable[Cap]) -> Cap:
    """Return a circle around circles: its centre is the mean of theirs."""
    caps = list(caps)
    x = y = z = 0.0
    for cap in caps:
        ra, dec = math.radians(cap.ra), math.radians(cap.dec)
        x += math.cos(dec) * math.cos(ra)
        y += math.cos(dec) * math.sin(ra)
        z += math.sin(dec)
    ra = math.degrees(math.atan2(y, x)) % 360.0
    dec = math.degrees(math.atan2(z, math.hypot(x, y)))
    radius = max(separation(ra, dec, one.ra, one.dec) + one.radius for one in caps)
    return Cap(ra, dec, min(180.0, radius))
