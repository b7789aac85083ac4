"""Cones in SQL: an exact test, and a cheap one before it that the engine can look up."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Bounds", "bounds", "haversine", "haversine_limit", "number"]

_MARGIN = 1e-9
"""Degrees (4 µas) by which the cheap test is wider, so that rounding never costs a row."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What surely holds for every point of a cone, in degrees.

    Attributes
    ----------
    dec
        Least and greatest declination.
    ra
        Ranges of right ascension, within [0, 360]; empty if the cone has a pole in it.
    """

    dec: tuple[float, float]
    ra: tuple[tuple[float, float], ...]


def bounds(ra: float, dec: float, radius: float) -> Bounds:
    """Return the box around a cone.

    Parameters
    ----------
    ra, dec
        Centre, degrees.
    radius
        Degrees, from 0 to 180.

    Notes
    -----
    The meridians that touch the cone are asin(sin r / cos δ) from its centre, which is further than
    where the cone is widest along its own parallel.
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


def haversine(ra: str, dec: str, ra0: str, dec0: str, cos_dec0: str) -> str:
    """Return SQL for sin²(d/2) of the distance d of two points.

    Notes
    -----
    Exact where cos(d) is not: cones are arcseconds wide, and 1 - cos(1″) is 1e-11.
    """
    return (
        f"pow(sin(radians({dec} - {dec0}) / 2), 2) + "
        f"cos(radians({dec})) * {cos_dec0} * pow(sin(radians({ra} - {ra0}) / 2), 2)"
    )


def haversine_limit(radius: float) -> float:
    """Return sin²(r/2), the limit that `haversine` is compared with."""
    # Rounding must not drop the antipode from the whole sky.
    return 2.0 if radius >= 180 else math.sin(math.radians(radius) / 2) ** 2


def number(value: float) -> str:
    """Return a DOUBLE in SQL; without an exponent it would be an exact decimal, with few digits."""
    text = repr(float(value))
    text = text if "e" in text else f"{text}e0"
    return f"({text})" if text.startswith("-") else text
