"""Ranges of coordinates around shapes, which an engine can look up before it calculates."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MARGIN", "Bounds", "around"]

MARGIN = 1e-9
"""Degrees (4 µas) by which the ranges are wider, so that rounding never loses a row."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits that hold for every point of a shape, in degrees.

    Attributes
    ----------
    dec
        The lowest and highest declination.
    ra
        Ranges of right ascension, within [0, 360]; empty if any may occur, as around a pole.
    """

    dec: tuple[float, float]
    ra: tuple[tuple[float, float], ...]


def around(low: float, high: float, ra: float, half: float) -> Bounds:
    """Return limits whose ranges of right ascension are within [0, 360].

    Parameters
    ----------
    low, high
        The declinations, degrees, without the margin.
    ra, half
        The middle of the right ascensions, degrees, and how far they extend on either side, with
        the margin.
    """
    low, high = low - MARGIN, high + MARGIN
    if low <= -90 or high >= 90:
        return Bounds((max(low, -90.0), min(high, 90.0)), ())
    if half >= 180:
        return Bounds((low, high), ())
    center = ra % 360.0
    first, last = center - half, center + half
    if first < 0:
        return Bounds((low, high), ((first + 360, 360.0), (0.0, last)))
    if last >= 360:
        return Bounds((low, high), ((first, 360.0), (0.0, last - 360)))
    return Bounds((low, high), ((first, last),))
