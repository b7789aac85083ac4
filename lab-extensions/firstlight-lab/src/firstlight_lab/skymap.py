"""The sky map: rings of tracts divided into patches, laid out as in ``lsst.skymap``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from astropy.wcs import WCS

from firstlight_lab.geometry import Box, Point

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
        middle = (self.sky_map.patches * self.sky_map.patch_inner - 1) // 2
        return tangent_wcs(self.ra, self.dec, middle, middle, self.sky_map.pixel_scale)

    def patch(self, number: int) -> PatchInfo:
        """Return a patch by its sequential number."""
        y, x = divmod(number, self.sky_map.patches)
        side, border = self.sky_map.patch_inner, self.sky_map.patch_border
        inner = Box(x * side, y * side, side, side)
        whole = Box(0, 0, self.sky_map.patches * side, self.sky_map.patches * side)
        outer = Box(inner.x0 - border, inner.y0 - border, side + 2 * border, side + 2 * border)
        return PatchInfo(number, x, y, inner, outer.clipped_to(whole))

    def find_patch(self, ra: float, dec: float) -> PatchInfo:
        """Return the patch whose inner region contains a position (degrees).

        Raises
        ------
        LookupError
            If the position is not on this tract.
        """
        x, y = self.pixel(ra, dec)
        cell_x, cell_y = (int(v // self.sky_map.patch_inner) for v in (x, y))
        if not (0 <= cell_x < self.sky_map.patches and 0 <= cell_y < self.sky_map.patches):
            raise LookupError(f"({ra:.4f}, {dec:.4f}) is not on tract {self.id}")
        return self.patch(cell_y * self.sky_map.patches + cell_x)

    def pixel(self, ra: float, dec: float) -> Point:
        """Return the pixel at a position (degrees)."""
        x, y = self.wcs.all_world2pix(ra, dec, 0)
        return Point(round(float(x)), round(float(y)))


@dataclass(frozen=True)
class SkyMap:
    """The division of the sky into tracts.

    Notes
    -----
    Tracts are arranged in rings of constant declination, like the ``rings`` map of ``lsst.skymap``
    (version 1; version 0 differs only at right ascension zero). With the defaults, tract 3828 of
    the map ``DC2`` is where Data Challenge 2 has it. The two polar caps are omitted.
    """

    name: str = "DC2"
    rings: int = 120
    pixel_scale: float = 0.2
    patch_inner: int = 4000
    patch_border: int = 100
    patches: int = 7

    @cached_property
    def ring_sizes(self) -> tuple[int, ...]:
        """Number of tracts in each ring, starting from the south."""
        step = math.pi / (self.rings + 1)
        sizes = []
        for ring in range(self.rings):
            start = step * (ring + 0.5) - math.pi / 2
            dec = min(abs(start), abs(start + step))
            sizes.append(int(2 * math.pi * math.cos(dec) / step) + 1)
        return tuple(sizes)

    def tract(self, number: int) -> TractInfo:
        """Return a tract by its number.

        Raises
        ------
        LookupError
            If there is no such tract, or it is a polar cap.
        """
        left = number - 1
        for ring, size in enumerate(self.ring_sizes):
            if 0 <= left < size:
                dec = 180 / (self.rings + 1) * (ring + 1) - 90
                return TractInfo(number, 360 / size * left, dec, self)
            left -= size
        raise LookupError(f"the sky map {self.name} has no tract {number}")

    def find_tract(self, ra: float, dec: float) -> TractInfo:
        """Return the tract whose centre is nearest to a position (degrees) along its ring."""
        ring = round((dec + 90) * (self.rings + 1) / 180) - 1
        ring = min(max(ring, 0), self.rings - 1)
        size = self.ring_sizes[ring]
        return self.tract(1 + sum(self.ring_sizes[:ring]) + round(ra % 360 * size / 360) % size)
