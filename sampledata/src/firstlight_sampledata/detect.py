"""Detects objects: peaks in the matched-filtered sum of all bands, and the pixels around them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from firstlight_lab.images import MASK_PLANES, ExposureF
from firstlight_sampledata.psf import Psf, transfer

__all__ = ["THRESHOLD", "Peaks", "detect", "mark_detected", "sky_level", "sky_variance"]

Array = NDArray[np.float64]
_Pixels = NDArray[np.int64]

THRESHOLD = 5.0
"""Significance at which a peak is an object."""
_RING = 1.6
"""Radius of the ring with which a peak is compared, in units of the PSF's FWHM."""
_CENTROID_LIMIT = 0.004
"""Best accuracy of a position, pixels: even for bright sources, peaks are not quite parabolas."""


@dataclass(frozen=True)
class Peaks:
    """The detected peaks.

    Attributes
    ----------
    x, y
        Positions in array coordinates, to a fraction of a pixel.
    error
        Uncertainty of a position along each axis, pixels.
    contrast
        Height of a peak over the median of the ring around it.
    """

    x: Array
    y: Array
    error: Array
    contrast: Array


def detect(exposures: dict[str, ExposureF]) -> Peaks:
    """Find peaks in the combined significance of all bands.

    Notes
    -----
    A peak must stand out from the ring around it, so that the body of a large galaxy is one object.
    Its knots may still be detected separately, as happens in real catalogs. The ring's median
    rather than its mean is used, so that a bright star nearby does not hide a galaxy.
    """
    total, norm, fwhm = _filtered(exposures)
    significance = total / np.sqrt(norm)
    peak = significance > THRESHOLD
    for step in product((-2, -1, 0, 1, 2), repeat=2):
        peak &= significance >= np.roll(significance, step, (0, 1))
    peak[:3], peak[-3:], peak[:, :3], peak[:, -3:] = False, False, False, False
    rows, columns = np.nonzero(peak)
    height = significance[rows, columns]
    ring = _ring_median(significance, rows, columns, _RING * fwhm)
    distinct = height - ring > np.maximum(0.5 * THRESHOLD, 0.7 * ring)
    rows, columns, height, ring = (v[distinct] for v in (rows, columns, height, ring))
    dx, bend_x = _vertex(significance, rows, columns, (0, 1))
    dy, bend_y = _vertex(significance, rows, columns, (1, 0))
    bend = np.clip(np.minimum(bend_x, bend_y), 0.02, None)
    # Noise of the slope over the curvature; the sky noise of the filtered image has unit variance.
    error = (0.42 / fwhm * 2.0) / (bend * height)
    error *= np.sqrt(_excess(exposures, rows, columns))
    return Peaks(
        x=columns + dx,
        y=rows + dy,
        error=np.hypot(error, _CENTROID_LIMIT),
        contrast=height / np.maximum(ring, 1e-3),
    )


def mark_detected(exposure: ExposureF) -> None:
    """Set the DETECTED bit where the filtered image exceeds the threshold."""
    total, norm, _ = _filtered({"only": exposure})
    above = total / np.sqrt(norm) > THRESHOLD
    exposure.mask.array[above] |= 1 << MASK_PLANES["DETECTED"]


def sky_variance(exposure: ExposureF) -> float:
    """Return the variance of a pixel of empty sky."""
    return float(np.median(exposure.variance.array[::4, ::4]))


def sky_level(exposure: ExposureF) -> float:
    """Return the counts of a pixel in which nothing is detected: the light of unseen galaxies."""
    detected = 1 << MASK_PLANES["DETECTED"]
    return float(np.median(exposure.image.array[exposure.mask.array & detected == 0]))


def _ring_median(image: Array, rows: _Pixels, columns: _Pixels, radius: float) -> Array:
    """Return the median of the pixels on a circle around each position."""
    margin = int(radius) + 2
    padded = np.pad(image, margin, mode="edge")
    turn = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    ring_rows = np.rint(rows[:, None] + margin + radius * np.sin(turn)).astype(int)
    ring_columns = np.rint(columns[:, None] + margin + radius * np.cos(turn)).astype(int)
    median: Array = np.median(padded[ring_rows, ring_columns], axis=1)
    return median


def _excess(exposures: dict[str, ExposureF], rows: _Pixels, columns: _Pixels) -> Array:
    """Return the variance at given pixels over that of the sky, in the band where it is highest."""
    excess: Array = np.max(
        [one.variance.array[rows, columns] / sky_variance(one) for one in exposures.values()],
        axis=0,
    )
    return excess


def _filtered(exposures: dict[str, ExposureF]) -> tuple[Array, float, float]:
    """Return the matched-filtered sum over bands, its variance, and the mean FWHM."""
    total = np.zeros(next(iter(exposures.values())).image.array.shape)
    norm, widths = 0.0, []
    for exposure in exposures.values():
        psf = Psf(exposure.psf_fwhm)
        noise = sky_variance(exposure)
        pixels = exposure.image.array.astype(np.float64)
        total = total + _smooth(pixels, psf) / noise
        norm += 1 / psf.effective_area / noise
        widths.append(psf.fwhm)
    return total, norm, float(np.mean(widths))


def _smooth(image: Array, psf: Psf) -> Array:
    """Convolve with a PSF; the image is zero beyond its edges."""
    padded = np.pad(image, 32)
    seen = np.fft.rfft2(padded) * transfer(padded.shape, psf.weights, psf.variances)
    smooth: Array = np.fft.irfft2(seen, padded.shape)
    return smooth[32:-32, 32:-32]


def _vertex(
    image: Array, rows: _Pixels, columns: _Pixels, step: tuple[int, int]
) -> tuple[Array, Array]:
    """Return the vertex and curvature of the parabola through the logarithms of three pixels.

    The logarithm of a Gaussian is a parabola. A parabola through the pixel values themselves would
    bias positions towards pixel centres.
    """
    before = np.log(np.clip(image[rows - step[0], columns - step[1]], 0.1, None))
    here = np.log(np.clip(image[rows, columns], 0.1, None))
    after = np.log(np.clip(image[rows + step[0], columns + step[1]], 0.1, None))
    bend = np.clip(2 * here - before - after, 1e-3, None)
    return np.clip(0.5 * (after - before) / bend, -0.7, 0.7), bend
