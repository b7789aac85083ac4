"""Measures the total light of resolved galaxies in apertures that follow its growth with radius.

A Gaussian that fits the bright bulge of a spiral misses the disc and its arms, which have most of
the light. Here the mean surface brightness in rings decides where a galaxy ends: where it falls
below a fraction of the sky noise, or rises again because a neighbour begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Aperture", "Sources", "apertures"]

Array = NDArray[np.float64]

_FAINT = 0.2
"""A galaxy ends where the mean of a ring falls below this fraction of a pixel's sky noise."""
_RISE = 1.6
"""A ring is a minimum if no ring within this ratio of radii is fainter."""
_DISTINCT = 2.0
"""Peaks with at least this contrast are objects of their own, not knots of the galaxy."""
_MARGIN = 30
"""Largest radius at which a neighbour is hidden, pixels."""
_FIRST, _LAST = 24, 200
"""Half the side of the smallest and of the largest window, pixels."""


@dataclass(frozen=True)
class Sources:
    """The detected objects as far as they are known before their total light.

    Attributes
    ----------
    x, y
        Positions in array coordinates.
    flux
        Counts under the object's Gaussian.
    width
        Sigma of its Gaussian along the major axis, pixels.
    height
        Counts in the pixel of the peak.
    contrast
        Height of the peak over its surroundings.
    resolved
        Whether the object is a galaxy that is bright enough for an aperture.
    """

    x: Array
    y: Array
    flux: Array
    width: Array
    height: Array
    contrast: Array
    resolved: NDArray[np.bool_]


@dataclass(frozen=True)
class _Window:
    """A square of pixels centred on an object, which may extend beyond the image.

    Attributes
    ----------
    rows, columns
        Indices of the image's pixels, clipped to the image.
    hidden
        Pixels that are off the image or show a neighbour.
    ring
        Number of the ring to which each pixel belongs; pixels in the corners belong to the last.
    edges
        Radii of the rings, pixels; one more than there are rings.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    hidden: NDArray[np.bool_]
    ring: NDArray[np.int64]
    edges: Array

    def pixels(self, image: NDArray[np.floating]) -> Array:
        """Return the image in the window, with hidden pixels replaced by those opposite."""
        cut = image[np.ix_(self.rows, self.columns)].astype(np.float64)
        opposite, hidden = cut[::-1, ::-1], self.hidden
        count = len(self.edges)
        seen = np.bincount(self.ring[~hidden], minlength=count)
        total = np.bincount(self.ring[~hidden], cut[~hidden], minlength=count)
        mean = (total / np.maximum(seen, 1))[self.ring]
        neither = np.maximum(np.minimum(cut, opposite), mean)
        return np.where(hidden, np.where(hidden[::-1, ::-1], neither, opposite), cut)

    def profile(self, image: NDArray[np.floating]) -> Array:
        """Return the mean of each complete ring."""
        ring = self.ring.ravel()
        total = np.bincount(ring, self.pixels(image).ravel()) / np.maximum(np.bincount(ring), 1)
        return total[: len(self.edges) - 1]


@dataclass(frozen=True)
class Aperture:
    """The circle that contains the light of an object.

    Attributes
    ----------
    index
        Number of the object.
    radius
        Pixels.
    """

    index: int
    radius: float
    _window: _Window
    _rings: int
    _crowded: bool

    def flux(self, image: NDArray[np.floating], sky: float) -> float:
        """Return the counts above the sky, or above the light of the neighbours at the edge."""
        pixels, ring = self._window.pixels(image), self._window.ring
        base = float(np.median(pixels[ring == self._rings])) if self._crowded else sky
        inside = ring < self._rings
        return float(pixels[inside].sum() - base * inside.sum())

    def error(self, variance: NDArray[np.floating]) -> float:
        """Return the noise of the counts."""
        pixels = self._window.pixels(variance)
        return float(np.sqrt(pixels[self._window.ring < self._rings].sum()))


def apertures(
    image: NDArray[np.floating], sources: Sources, sky: float, noise: float
) -> list[Aperture]:
    """Return the apertures of all resolved galaxies, except the knots of larger ones.

    Parameters
    ----------
    image
        Counts in the band in which the apertures are found.
    sky, noise
        Level and standard deviation of an empty pixel.
    """
    reach = np.sqrt(2 * np.log(np.clip(sources.height / (0.3 * noise), 1.5, None)))
    reach = np.clip(1.15 * sources.width * reach, 3, _MARGIN)
    found: list[Aperture] = []
    for index in np.argsort(-sources.flux, kind="stable"):
        if not sources.resolved[index]:
            continue
        limit = _limit(sources, int(index), found)
        if limit is not None:
            found.append(_grow(image, sources, int(index), reach, (sky, noise, limit)))
    return found


def _limit(sources: Sources, index: int, found: list[Aperture]) -> float | None:
    """Return the largest radius that larger galaxies leave, or None for a knot of one."""
    limit = np.inf
    for other in found:
        distance = float(
            np.hypot(
                sources.x[index] - sources.x[other.index],
                sources.y[index] - sources.y[other.index],
            )
        )
        if distance < other.radius:
            if sources.contrast[index] < _DISTINCT:
                return None
            limit = min(limit, max(0.5 * distance, 6.0))
    return limit


def _grow(
    image: NDArray[np.floating],
    sources: Sources,
    index: int,
    reach: Array,
    limits: tuple[float, float, float],
) -> Aperture:
    """Enlarge the window until the galaxy ends in it."""
    half = _FIRST
    while True:
        window = _window(image.shape, sources, index, reach, half)
        end = _end(window, image, limits)
        if end is not None or half > _LAST:
            rings, crowded = end or (len(window.edges) - 2, False)
            return Aperture(index, float(window.edges[rings]), window, rings, crowded)
        half = int(half * 1.5)


def _end(
    window: _Window, image: NDArray[np.floating], limits: tuple[float, float, float]
) -> tuple[int, bool] | None:
    """Return the ring where a galaxy ends, and whether its neighbours are the reason."""
    sky, noise, limit = limits
    profile, edges = window.profile(image), window.edges
    lowest = 2
    for ring in range(3, len(profile)):
        if edges[ring] > limit:
            return ring, True
        if profile[ring] < sky + _FAINT * noise:
            return ring, False
        if profile[ring] < profile[lowest]:
            lowest = ring
        elif edges[ring] > _RISE * edges[lowest] + 4:
            return lowest, True
    return None


def _window(
    shape: tuple[int, ...], sources: Sources, index: int, reach: Array, half: int
) -> _Window:
    span = np.arange(-half, half + 1)
    x, y = sources.x[index], sources.y[index]
    rows, columns = round(float(y)) + span, round(float(x)) + span
    hidden = ~(((rows >= 0) & (rows < shape[0]))[:, None] & ((columns >= 0) & (columns < shape[1])))
    for other in _neighbours(sources, index, half):
        radius = float(reach[other])
        if sources.flux[other] < sources.flux[index]:
            distance = np.hypot(sources.x[other] - x, sources.y[other] - y)
            radius = min(radius, 0.8 * float(distance))
        top, bottom = np.searchsorted(rows, sources.y[other] + np.array([-radius, radius]))
        left, right = np.searchsorted(columns, sources.x[other] + np.array([-radius, radius]))
        square = (rows[top:bottom, None] - sources.y[other]) ** 2
        square = square + (columns[left:right] - sources.x[other]) ** 2
        hidden[top:bottom, left:right] |= square < radius**2
    hidden[half - 1 : half + 2, half - 1 : half + 2] = False
    edges = _edges(half)
    distance = np.hypot(rows[:, None] - y, columns - x)
    ring = np.minimum(np.digitize(distance, edges) - 1, len(edges) - 1)
    return _Window(
        np.clip(rows, 0, shape[0] - 1), np.clip(columns, 0, shape[1] - 1), hidden, ring, edges
    )


def _neighbours(sources: Sources, index: int, half: int) -> Iterator[int]:
    """Yield the distinct objects that may be visible in a window."""
    near = np.abs(sources.x - sources.x[index]) < half + _MARGIN
    near &= np.abs(sources.y - sources.y[index]) < half + _MARGIN
    near &= sources.contrast > _DISTINCT
    near[index] = False
    yield from (int(other) for other in np.flatnonzero(near))


def _edges(half: int) -> Array:
    """Return the radii of rings that are one pixel wide at first, and then grow by an eighth."""
    edges = np.concatenate([[0, 1.5], 1.5 * 1.12 ** np.arange(1, 60)])
    edges = np.maximum(edges, np.arange(len(edges)))
    return edges[edges <= half]
