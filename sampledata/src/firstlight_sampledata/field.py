"""The simulated observations: field, bands, depth, seeing and visits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from astropy.time import Time
from astropy.wcs import WCS

from firstlight_lab.geometry import Box
from firstlight_lab.skymap import PatchInfo, SkyMap, TractInfo, tangent_wcs

__all__ = ["BANDS", "INSTRUMENT", "SKYMAP", "ZERO_POINT", "Band", "Field", "Visit"]

INSTRUMENT = "LSSTCam-imSim"
"""The Butler's name of the simulated camera."""
SKYMAP = "DC2"
"""The Butler's name of the skymap."""
ZERO_POINT = 27.0
"""The AB magnitude of a source of one count."""


@dataclass(frozen=True)
class Band:
    """A band of the survey.

    Attributes
    ----------
    fwhm
        Seeing in the coadd, arcseconds.
    depth
        Magnitude of a five-sigma point source in the coadd.
    """

    name: str
    physical_filter: str
    fwhm: float
    depth: float


BANDS = (
    Band("u", "u_sim_1.4", 0.92, 25.6),
    Band("g", "g_sim_1.4", 0.84, 26.6),
    Band("r", "r_sim_1.4", 0.78, 26.6),
    Band("i", "i_sim_1.4", 0.74, 26.2),
    Band("z", "z_sim_1.4", 0.72, 25.6),
    Band("y", "y_sim_1.4", 0.70, 24.8),
)
"""The simulated bands, from blue to red."""

_EAST, _WEST = 94, 95
"""The adjacent detectors that are simulated, in the middle of the focal plane."""

_FIRST_NIGHT = 60568.2
_SURVEY = (
    # Visit, band, days after the first night, offset of the pointing, rotation, seeing.
    (254379, "g", 0.0, (0.001, -0.002), 4.0, 0.92),
    (262622, "r", 2.0, (-0.002, 0.001), 31.0, 0.71),
    (271331, "i", 5.0, (0.002, 0.002), 58.0, 0.80),
    (273954, "z", 6.03, (-0.001, -0.001), 85.0, 0.77),
    (279220, "y", 8.01, (0.002, -0.001), 112.0, 0.74),
    (281904, "u", 11.0, (-0.002, -0.002), 139.0, 0.95),
)
_MONITORING = (
    # Visit, days after the first night, seeing.
    (284411, 13.02, 0.78),
    (286730, 14.1, 0.91),
    (288902, 17.05, 0.69),
    (291377, 21.08, 0.83),
    (296015, 28.03, 0.74),
    (301168, 36.11, 1.02),
    (307744, 45.04, 0.80),
    (315502, 59.07, 0.72),
)
"""Visits in band r that all have the same pointing, for light curves."""


@dataclass(frozen=True)
class Visit:
    """One exposure of the sky with some of the detectors."""

    id: int
    band: Band
    mjd: float
    seeing: float
    angle: float
    ra: float
    dec: float
    detectors: tuple[int, ...]

    depth_lost = 2.4
    """Difference in depth between the coadd and one exposure, magnitudes."""

    @property
    def day_obs(self) -> int:
        """The date on which the observing night began, as a number such as 20240914."""
        # An observing day begins at noon.
        return int(Time(self.mjd - 0.5, format="mjd").strftime("%Y%m%d"))

    def wcs(self, detector: int, side: int) -> WCS:
        """Return the world coordinates of a detector; detectors are adjacent along x."""
        index = self.detectors.index(detector) - (len(self.detectors) - 1) / 2
        middle = (side - 1) / 2
        return tangent_wcs(
            self.ra, self.dec, middle - index * (side + 40), middle, 0.2, angle=self.angle
        )


@dataclass(frozen=True)
class Field:
    """The simulated field.

    Attributes
    ----------
    side
        Side of the field, in pixels of 0.2 arcseconds.
    detector_side
        Side of the detectors in pixels, smaller than that of real ones.
    density
        Galaxies per square arcminute, down to i = 27.
    stars
        Total number of stars.
    showpieces
        Whether to add large, detailed galaxies.
    ra, dec
        Centre of the field, degrees; the public tutorials of Data Preview 0 look there.
    """

    side: int = 1500
    detector_side: int = 640
    density: float = 230.0
    stars: int = 330
    showpieces: bool = True
    ra: float = 62.0
    dec: float = -37.0

    @classmethod
    def small(cls) -> Field:
        """Return a small field for tests."""
        return cls(side=480, detector_side=200, stars=60, showpieces=False)

    @cached_property
    def tract(self) -> TractInfo:
        """The tract that contains the field."""
        return SkyMap(SKYMAP).find_tract(self.ra, self.dec)

    @cached_property
    def box(self) -> Box:
        """Position of the field in the tract's pixels."""
        x, y = self.tract.wcs.all_world2pix(self.ra, self.dec, 0)
        return Box.around(float(x), float(y), self.side)

    @cached_property
    def patches(self) -> tuple[PatchInfo, ...]:
        """The patches whose inner regions the field touches; four meet near its centre."""
        x = [self.box.x0, self.box.x1 - 1]
        y = [self.box.y0, self.box.y1 - 1]
        first, last = self.tract.patches_at(x, y)
        corners = self.tract.patch(int(first)), self.tract.patch(int(last))
        count = self.tract.sky_map.patches
        return tuple(
            self.tract.patch(row * count + column)
            for row in range(corners[0].y, corners[1].y + 1)
            for column in range(corners[0].x, corners[1].x + 1)
        )

    @cached_property
    def visits(self) -> tuple[Visit, ...]:
        """One visit in each band with its own pointing, and repeated ones in band r."""
        bands = {band.name: band for band in BANDS}
        survey = [
            Visit(
                number,
                bands[band],
                _FIRST_NIGHT + days,
                seeing,
                angle,
                self.ra + east,
                self.dec + north,
                (_EAST, _WEST),
            )
            for number, band, days, (east, north), angle, seeing in _SURVEY
        ]
        monitoring = [
            Visit(number, bands["r"], _FIRST_NIGHT + days, seeing, 0.0, self.ra, self.dec, (_EAST,))
            for number, days, seeing in _MONITORING
        ]
        return (*survey, *monitoring)
