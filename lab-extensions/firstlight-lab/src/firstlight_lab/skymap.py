"""The sky map: rings of tracts divided into patches, laid out as in ``lsst.skymap``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from numpy.typing import ArrayLike, NDArray

from firstlight_lab.geometry import Box

__all__ = ["PatchInfo", "SkyMap", "TractInfo", "tangent_wcs"]


def tangent_wcs(
    ra: float, dec: float, x: float, y: float, scale: float, *, angle: float = 0.0
) -> WCS:
    """Return the world coordinates of a tangent-plane projection.

    Parameters
    ----------
    ra, dec
        Point where the plane touches the sphere, degrees.
    x, y
        The (0-based) pixel at that point.
    scale
        Arcseconds per pixel.
    angle
        Rotation of the pixel grid, degrees, north towards east.
    """
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [ra, dec]
    wcs.wcs.crpix = [x + 1, y + 1]
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    step = scale / 3600
    wcs.wcs.cd = [[-step * cosine, step * sine], [step * sine, step * cosine]]
    wcs.wcs.set()
    return wcs


@dataclass(frozen=True)
class PatchInfo:
    """A patch: a square of a tract whose border overlaps its neighbours."""

    id: int
    x: int
    y: int
    inner: Box
    outer: Box

    @property
    def name(self) -> str:
        """The name used in catalogs, such as ``3,3``."""
        return f"{self.x},{self.y}"

    # The method names of lsst.skymap.PatchInfo.
    def getSequentialIndex(self) -> int:  # noqa: N802
        """Return the number of the patch in its tract, as in a data ID."""
        return self.id

    def getInnerBBox(self) -> Box:  # noqa: N802
        """Return the region that belongs to this patch alone."""
        return self.inner

    def getOuterBBox(self) -> Box:  # noqa: N802
        """Return the region that the coadds of this patch cover."""
        return self.outer


@dataclass(frozen=True)
class TractInfo:
    """A tract: one tangent plane, divided into patches."""

    id: int
    ra: float
    dec: float
    sky_map: SkyMap

    @cached_property
    def wcs(self) -> WCS:
        """World coordinates of the tract's pixel grid."""
        # A whole pixel, half a pixel off the exact centre, as in lsst.skymap.
        middle = (self.bbox.width - 1) // 2
        return tangent_wcs(self.ra, self.dec, middle, middle, self.sky_map.pixel_scale)

    @property
    def bbox(self) -> Box:
        """All pixels of the tract."""
        side = self.sky_map.patches * self.sky_map.patch_inner
        return Box(0, 0, side, side)

    def patch(self, number: int) -> PatchInfo:
        """Return a patch by its sequential number.

        Raises
        ------
        LookupError
            If there is no such patch.
        """
        if not 0 <= number < self.sky_map.patches**2:
            raise LookupError(f"tract {self.id} has no patch {number}")
        y, x = divmod(number, self.sky_map.patches)
        side, border = self.sky_map.patch_inner, self.sky_map.patch_border
        inner = Box(x * side, y * side, side, side)
        outer = Box(inner.x0 - border, inner.y0 - border, side + 2 * border, side + 2 * border)
        return PatchInfo(number, x, y, inner, outer.clipped_to(self.bbox))

    def find_patch(self, ra: float, dec: float) -> PatchInfo:
        """Return the patch whose inner region contains a position (degrees).

        Raises
        ------
        LookupError
            If the position is not on this tract.
        """
        number = int(self.find_patches(ra, dec)[0])
        if number < 0:
            raise LookupError(f"({ra:.4f}, {dec:.4f}) is not on tract {self.id}")
        return self.patch(number)

    def find_patches(self, ra: ArrayLike, dec: ArrayLike) -> NDArray[np.int64]:
        """Return the number of the patch at each position (degrees), and -1 off the tract."""
        ra, dec = np.broadcast_arrays(*(np.atleast_1d(np.asarray(v, float)) for v in (ra, dec)))
        # The tangent plane shows one hemisphere; the other one would be folded onto it.
        turn = np.radians(ra - self.ra)
        here, there = np.radians(self.dec), np.radians(dec)
        facing = np.sin(here) * np.sin(there) + np.cos(here) * np.cos(there) * np.cos(turn) > 0
        numbers = np.full(ra.shape, -1, dtype=np.int64)
        numbers[facing] = self.patches_at(*self.wcs.all_world2pix(ra[facing], dec[facing], 0))
        return numbers

    def patches_at(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.int64]:
        """Return the number of the patch at each pixel position, and -1 off the tract."""
        # Centres of pixels have whole numbers.
        column, row = (
            np.floor((np.asarray(v, float) + 0.5) / self.sky_map.patch_inner) for v in (x, y)
        )
        count = self.sky_map.patches
        inside = (column >= 0) & (column < count) & (row >= 0) & (row < count)
        return np.where(inside, row * count + column, -1).astype(np.int64)

    # The method names of lsst.skymap.TractInfo, with positions of astropy.
    def getId(self) -> int:  # noqa: N802
        """Return the number of the tract."""
        return self.id

    def getWcs(self) -> WCS:  # noqa: N802
        """Return the world coordinates of the tract's pixel grid."""
        return self.wcs

    def getBBox(self) -> Box:  # noqa: N802
        """Return all pixels of the tract."""
        return self.bbox

    def getCtrCoord(self) -> SkyCoord:  # noqa: N802
        """Return the centre, where the plane touches the sphere."""
        return SkyCoord(self.ra, self.dec, unit="deg")

    def getPatchInfo(self, number: int) -> PatchInfo:  # noqa: N802
        """Return a patch by its sequential number."""
        return self.patch(number)

    def findPatch(self, coord: SkyCoord) -> PatchInfo:  # noqa: N802
        """Return the patch whose inner region contains a position."""
        return self.find_patch(coord.icrs.ra.deg, coord.icrs.dec.deg)


@dataclass(frozen=True)
class SkyMap:
    """The division of the sky into tracts; index it by tract number.

    Notes
    -----
    Tracts are arranged in rings of constant declination between two polar caps, like the ``rings``
    map of ``lsst.skymap`` (version 1; version 0 differs only at right ascension zero). The defaults
    are those of the map ``DC2``.
    """

    name: str = "DC2"
    rings: int = 120
    pixel_scale: float = 0.2
    patch_inner: int = 4000
    patch_border: int = 100
    tract_overlap: float = 1 / 60

    @property
    def ring_size(self) -> float:
        """Height of a ring, degrees; the two caps together count as one ring."""
        return 180 / (self.rings + 1)

    @cached_property
    def ring_sizes(self) -> tuple[int, ...]:
        """Number of tracts in each ring, starting from the south."""
        step = math.radians(self.ring_size)
        sizes = []
        for ring in range(self.rings):
            start = step * (ring + 0.5) - math.pi / 2
            dec = min(abs(start), abs(start + step))
            sizes.append(int(2 * math.pi * math.cos(dec) / step) + 1)
        return tuple(sizes)

    @cached_property
    def patches(self) -> int:
        """Number of patches along each axis of a tract: enough for a ring's height and overlap."""
        half = math.tan(math.radians(self.ring_size / 2 + self.tract_overlap))
        reach = math.floor(math.degrees(half) * 3600 / self.pixel_scale + 0.5)
        return math.ceil((2 * reach + 1) / self.patch_inner)

    def __len__(self) -> int:
        return sum(self.ring_sizes) + 2

    def __getitem__(self, number: int) -> TractInfo:
        return self.tract(number)

    def tract(self, number: int) -> TractInfo:
        """Return a tract by its number.

        Raises
        ------
        LookupError
            If there is no such tract.
        """
        if number in (0, len(self) - 1):
            return TractInfo(number, 0.0, 90.0 if number else -90.0, self)
        left = number - 1
        for ring, size in enumerate(self.ring_sizes):
            if 0 <= left < size:
                return TractInfo(number, 360 / size * left, self.ring_size * (ring + 1) - 90, self)
            left -= size
        raise LookupError(f"the sky map {self.name} has no tract {number}")

    def find_tract(self, ra: float, dec: float) -> TractInfo:
        """Return the tract whose inner region contains a position (degrees)."""
        return self.tract(int(self.find_tracts(ra, dec)[0]))

    def find_tracts(self, ra: ArrayLike, dec: ArrayLike) -> NDArray[np.int64]:
        """Return the number of the tract at each position (degrees)."""
        ra, dec = np.broadcast_arrays(*(np.atleast_1d(np.asarray(v, float)) for v in (ra, dec)))
        ring = np.floor((dec + 90) / self.ring_size - 0.5).astype(np.int64)
        sizes = np.array(self.ring_sizes)
        # The position in the nearest ring, which for the caps is overruled below.
        inside = np.clip(ring, 0, self.rings - 1)
        step = np.floor(ra % 360 * sizes[inside] / 360 + 0.5).astype(np.int64) % sizes[inside]
        first = 1 + np.concatenate([[0], np.cumsum(sizes)])
        numbers = first[inside] + step
        return np.where(ring < 0, 0, np.where(ring >= self.rings, len(self) - 1, numbers))

    # The method names of lsst.skymap.RingsSkyMap, with positions of astropy.
    def findTract(self, coord: SkyCoord) -> TractInfo:  # noqa: N802
        """Return the tract whose inner region contains a position."""
        return self.find_tract(coord.icrs.ra.deg, coord.icrs.dec.deg)

    def findTractIdArray(  # noqa: N802
        self, ra: ArrayLike, dec: ArrayLike, degrees: bool = False
    ) -> NDArray[np.int64]:
        """Return the number of the tract at each position, in radians unless stated otherwise."""
        return self.find_tracts(*((ra, dec) if degrees else (np.degrees(ra), np.degrees(dec))))
