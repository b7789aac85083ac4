"""Images as people know them from the Rubin pipelines, in numpy and astropy only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray

from firstlight_lab.geometry import Box, Extent, Point

__all__ = ["MASK_PLANES", "ExposureF", "FilterLabel", "ImageF", "MaskX", "PhotoCalib"]

MASK_PLANES = {"BAD": 0, "SAT": 1, "INTRP": 2, "EDGE": 4, "DETECTED": 5, "NO_DATA": 8}
"""Bits of the mask planes, as in the pipelines."""

_NANOJANSKY_ZERO_POINT = 31.4


@dataclass(frozen=True)
class ImageF:
    """A plane of pixels and where it lies.

    Attributes
    ----------
    array
        Pixels, ``[y, x]``.
    bbox
        The pixels' place in the parent's (tract's or detector's) coordinates.
    """

    array: NDArray[np.float32]
    bbox: Box

    def getBBox(self) -> Box:  # noqa: N802
        """Return the place of the pixels."""
        return self.bbox

    def getArray(self) -> NDArray[np.float32]:  # noqa: N802
        """Return the pixels."""
        return self.array


@dataclass(frozen=True)
class MaskX:
    """A plane of bits: what is known about each pixel."""

    array: NDArray[np.int32]
    bbox: Box
    planes: dict[str, int] = field(default_factory=lambda: dict(MASK_PLANES))

    def getBBox(self) -> Box:  # noqa: N802
        """Return the place of the pixels."""
        return self.bbox

    def getMaskPlaneDict(self) -> dict[str, int]:  # noqa: N802
        """Return the bit of each plane."""
        return dict(self.planes)

    def getPlaneBitMask(self, *names: str) -> int:  # noqa: N802
        """Return the value that has the bits of these planes set."""
        return sum(1 << self.planes[name] for name in names)


@dataclass(frozen=True)
class PhotoCalib:
    """From counts to fluxes.

    Attributes
    ----------
    zero_point
        AB magnitude of one count.
    """

    zero_point: float

    def getInstFluxAtZeroMagnitude(self) -> float:  # noqa: N802
        """Return the counts of an object of magnitude zero."""
        return float(10 ** (0.4 * self.zero_point))

    def instFluxToNanojansky(self, counts: Any) -> Any:  # noqa: N802
        """Return fluxes in nJy."""
        return counts * 10 ** (0.4 * (_NANOJANSKY_ZERO_POINT - self.zero_point))

    def instFluxToMagnitude(self, counts: Any) -> Any:  # noqa: N802
        """Return AB magnitudes; NaN where the counts are not positive."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(
                np.asarray(counts) > 0, self.zero_point - 2.5 * np.log10(counts), np.nan
            )[()]


@dataclass(frozen=True)
class FilterLabel:
    """Which band, through which filter."""

    bandLabel: str  # noqa: N815
    physicalLabel: str  # noqa: N815


@dataclass(frozen=True)
class ExposureF:
    """A calibrated image: pixels, bits, variance, and what is known of them.

    Attributes
    ----------
    image, mask, variance
        The planes; ``.array`` are the pixels, ``[y, x]``.
    wcs
        World coordinates of the parent's pixel grid (0-based, as ``bbox`` counts).
    photoCalib
        Counts to fluxes.
    filter
        Band and physical filter.
    psf_fwhm
        Full width of the point-spread function at half its height, in pixels.
    metadata
        Whatever else the file's header says.
    """

    image: ImageF
    mask: MaskX
    variance: ImageF
    wcs: WCS
    photoCalib: PhotoCalib  # noqa: N815
    filter: FilterLabel
    psf_fwhm: float
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def bbox(self) -> Box:
        """Where the pixels lie."""
        return self.image.bbox

    @property
    def xy0(self) -> Point:
        """The lower left pixel."""
        return Point(self.bbox.x0, self.bbox.y0)

    @property
    def dimensions(self) -> Extent:
        """Width and height."""
        return Extent(self.bbox.width, self.bbox.height)

    def __getitem__(self, box: Box) -> ExposureF:
        """Return a part, as a view.

        Raises
        ------
        IndexError
            If the box reaches outside.
        """
        if not self.bbox.contains(box):
            raise IndexError(f"{box} is not inside of {self.bbox}")
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

    # The names people know from lsst.afw.image.Exposure.
    def getImage(self) -> ImageF:  # noqa: N802
        """Return the pixels' plane."""
        return self.image

    def getMask(self) -> MaskX:  # noqa: N802
        """Return the bits' plane."""
        return self.mask

    def getVariance(self) -> ImageF:  # noqa: N802
        """Return the variance's plane."""
        return self.variance

    def getBBox(self) -> Box:  # noqa: N802
        """Return where the pixels lie."""
        return self.bbox

    def getXY0(self) -> Point:  # noqa: N802
        """Return the lower left pixel."""
        return self.xy0

    def getDimensions(self) -> Extent:  # noqa: N802
        """Return width and height."""
        return self.dimensions

    def getWcs(self) -> WCS:  # noqa: N802
        """Return the world coordinates."""
        return self.wcs

    def getPhotoCalib(self) -> PhotoCalib:  # noqa: N802
        """Return the photometric calibration."""
        return self.photoCalib

    def getFilter(self) -> FilterLabel:  # noqa: N802
        """Return band and filter."""
        return self.filter
