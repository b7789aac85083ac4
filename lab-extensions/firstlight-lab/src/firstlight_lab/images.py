"""The image types of the Rubin pipelines, built on numpy and astropy alone."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from astropy.wcs import WCS
from numpy.typing import ArrayLike, NDArray

from firstlight_lab.geometry import Box, Extent, Point

__all__ = ["MASK_PLANES", "ExposureF", "FilterLabel", "ImageF", "MaskX", "Metadata", "PhotoCalib"]

MASK_PLANES = {"BAD": 0, "SAT": 1, "INTRP": 2, "EDGE": 4, "DETECTED": 5, "NO_DATA": 8}
"""The bit of each mask plane, as in the pipelines."""

Metadata = dict[str, str | int | float]
"""Values of an exposure's header by keyword."""

_NANOJANSKY_ZERO_POINT = 31.4


@dataclass(frozen=True)
class ImageF:
    """A plane of pixels and its position.

    Attributes
    ----------
    array
        Pixels, ``[y, x]``.
    bbox
        Position of the pixels in the coordinates of the parent (tract or detector).
    """

    array: NDArray[np.float32]
    bbox: Box

    def getBBox(self) -> Box:  # noqa: N802
        """Return the position of the pixels in the parent image."""
        return self.bbox

    def getArray(self) -> NDArray[np.float32]:  # noqa: N802
        """Return the pixels as an array."""
        return self.array


@dataclass(frozen=True)
class MaskX:
    """A plane of mask bits, which flag the state of each pixel."""

    array: NDArray[np.int32]
    bbox: Box
    planes: dict[str, int] = field(default_factory=lambda: dict(MASK_PLANES))

    def getBBox(self) -> Box:  # noqa: N802
        """Return the position of the pixels in the parent image."""
        return self.bbox

    def getMaskPlaneDict(self) -> dict[str, int]:  # noqa: N802
        """Return the bit number of each plane."""
        return dict(self.planes)

    def getPlaneBitMask(self, *names: str) -> int:  # noqa: N802
        """Return the mask value with the bits of the given planes set."""
        return sum(1 << self.planes[name] for name in names)


@dataclass(frozen=True)
class PhotoCalib:
    """The photometric calibration, which converts counts to fluxes.

    Attributes
    ----------
    zero_point
        AB magnitude of one count.
    """

    zero_point: float

    def getInstFluxAtZeroMagnitude(self) -> float:  # noqa: N802
        """Return the counts of a source of magnitude zero."""
        return float(10 ** (0.4 * self.zero_point))

    def instFluxToNanojansky[Counts: (float, NDArray[np.floating])](self, counts: Counts) -> Counts:  # noqa: N802
        """Convert counts to fluxes in nJy."""
        return counts * 10 ** (0.4 * (_NANOJANSKY_ZERO_POINT - self.zero_point))

    def instFluxToMagnitude(  # noqa: N802
        self, counts: ArrayLike
    ) -> np.floating | NDArray[np.floating]:
        """Convert counts to AB magnitudes, with NaN where the counts are not positive."""
        values = np.asarray(counts)
        return self.zero_point - 2.5 * np.log10(np.where(values > 0, values, np.nan))


@dataclass(frozen=True)
class FilterLabel:
    """The band and physical filter of an image."""

    bandLabel: str  # noqa: N815
    physicalLabel: str  # noqa: N815


@dataclass(frozen=True)
class ExposureF:
    """A calibrated image: pixels, mask, variance, and their calibrations.

    Attributes
    ----------
    image, mask, variance
        The planes; each has its pixels in ``.array``, ``[y, x]``.
    wcs
        World coordinates of the parent's pixel grid (0-based, as in ``bbox``).
    photoCalib
        Conversion from counts to fluxes.
    filter
        Band and physical filter.
    psf_fwhm
        Full width at half maximum of the point-spread function, in pixels.
    metadata
        Other values from the file's header.
    """

    image: ImageF
    mask: MaskX
    variance: ImageF
    wcs: WCS
    photoCalib: PhotoCalib  # noqa: N815
    filter: FilterLabel
    psf_fwhm: float
    metadata: Metadata = field(default_factory=dict)

    @property
    def bbox(self) -> Box:
        """Position of the pixels in the parent image."""
        return self.image.bbox

    @property
    def xy0(self) -> Point:
        """Position of the lower left pixel."""
        return Point(self.bbox.x0, self.bbox.y0)

    @property
    def dimensions(self) -> Extent:
        """Width and height of the image, in pixels."""
        return Extent(self.bbox.width, self.bbox.height)

    def __getitem__(self, box: Box) -> ExposureF:
        """Return part of the exposure as a view.

        Raises
        ------
        IndexError
            If the box extends beyond the exposure.
        """
        if not self.bbox.contains(box):
            raise IndexError(f"{box} is not inside {self.bbox}")
        cut = box.slices_in(self.bbox)
        return ExposureF(
            ImageF(self.image.array[cut], box),
            MaskX(self.mask.array[cut], box, self.mask.planes),
            ImageF(self.variance.array[cut], box),
            self.wcs,
            self.photoCalib,
            self.filter,
            self.psf_fwhm,
            self.metadata,
        )

    # The method names of lsst.afw.image.Exposure.
    def getImage(self) -> ImageF:  # noqa: N802
        """Return the image plane."""
        return self.image

    def getMask(self) -> MaskX:  # noqa: N802
        """Return the mask plane."""
        return self.mask

    def getVariance(self) -> ImageF:  # noqa: N802
        """Return the variance plane."""
        return self.variance

    def getBBox(self) -> Box:  # noqa: N802
        """Return the position of the pixels in the parent image."""
        return self.bbox

    def getXY0(self) -> Point:  # noqa: N802
        """Return the position of the lower left pixel."""
        return self.xy0

    def getDimensions(self) -> Extent:  # noqa: N802
        """Return the width and height in pixels."""
        return self.dimensions

    def getWcs(self) -> WCS:  # noqa: N802
        """Return the world coordinates."""
        return self.wcs

    def getPhotoCalib(self) -> PhotoCalib:  # noqa: N802
        """Return the photometric calibration."""
        return self.photoCalib

    def getFilter(self) -> FilterLabel:  # noqa: N802
        """Return the band and physical filter."""
        return self.filter
