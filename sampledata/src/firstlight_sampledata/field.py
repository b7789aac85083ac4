"""The simulated observations: field, bands, depth, seeing and visits."""

from __future__ import annotations

from dataclasses import dataclass

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
    Band("g", "g_sim_1.4", 0.84, 26.6),
    Band("r", "r_sim_1.4", 0.78, 26.6),
    Band("i", "i_sim_1.4", 0.74, 26.2),
)
"""The simulated bands, from blue to red."""


@dataclass(frozen=True)
class Visit:
    """One exposure of the sky with some of the detectors."""

    id: int
    band: Band
    day_obs: int
    mjd: float
    seeing: float
    angle: float
    ra: float
    dec: float
    detectors: tuple[int, ...]

    depth_lost = 2.4
    """Difference in depth between the coadd and one exposure, magnitudes."""

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
        Side of the coadds, in pixels of 0.2 arcseconds; they cover the centre of the patch.
    detector_side
        Side of the detectors in pixels, smaller than that of real ones.
    density
        Galaxies per square arcminute, down to i = 27.
    stars
        Total number of stars.
    showpieces
        Whether to add large, detailed galaxies.
    """

    side: int = 1500
    detector_side: int = 640
    density: float = 230.0
    stars: int = 330
    showpieces: bool = True
    tract_id: int = 3828
    patch_id: int = 24

    @classmethod
    def small(cls) -> Field:
        """Return a small field for tests."""
        return cls(side=480, detector_side=200, stars=60, showpieces=False)

    @property
    def tract(self) -> TractInfo:
        """The tract that contains the field."""
        return SkyMap(SKYMAP).tract(self.tract_id)

    @property
    def patch(self) -> PatchInfo:
        """The patch that contains the field."""
        return self.tract.patch(self.patch_id)

    @property
    def box(self) -> Box:
        """Position of the coadds in the tract's pixels."""
        inner = self.patch.inner
        return Box(
            inner.x0 + (inner.width - self.side) // 2,
            inner.y0 + (inner.height - self.side) // 2,
            self.side,
            self.side,
        )

    @property
    def visits(self) -> tuple[Visit, ...]:
        """One visit in each band, slightly rotated and shifted, with its own seeing."""
        tract = self.tract
        shifts = (
            (0.001, -0.002, 4.0, 0.92),
            (-0.002, 0.001, 31.0, 0.71),
            (0.002, 0.002, 58.0, 0.8),
        )
        return tuple(
            Visit(
                number,
                band,
                20240914 + day,
                60568.2 + day,
                seeing,
                angle,
                tract.ra + east,
                tract.dec + north,
                (94, 95),
            )
            for (east, north, angle, seeing), number, band, day in zip(
                shifts, (254379, 262622, 271331), BANDS, (0, 2, 5), strict=True
            )
        )
