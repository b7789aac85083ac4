"""Measures a catalog from pixels: detection, positions, shapes and fluxes.

A simplified version of the Rubin pipelines' algorithms, under their names: peaks in a
matched-filtered image, ``SdssCentroid``, adaptive moments (``SdssShape``; Bernstein & Jarvis 2002,
AJ 123, 583), and point-source and model fluxes, with shapes measured in one band and fluxes forced
in the others. Nothing in this module uses the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from firstlight_lab.images import MASK_PLANES, ExposureF
from firstlight_sampledata.psf import Psf, transfer

__all__ = ["BandFluxes", "Measured", "mark_detected", "measure", "psf_moment"]

Array = NDArray[np.float64]

_THRESHOLD = 5.0
_HALF = 13
"""Half the side of the stamps used to measure shapes, pixels."""
_WIDE = 75
_CENTROID_LIMIT = 0.004
"""Best accuracy of a position, pixels: even for bright sources, peaks are not quite parabolas."""


@dataclass(frozen=True)
class BandFluxes:
    """Forced measurements in one band, in counts."""

    psf: Array
    psf_err: Array
    model: Array
    model_err: Array
    psf_moment: float
    variance: Array


@dataclass(frozen=True)
class Measured:
    """The measured objects; positions in the tract's pixels, moments in pixels squared."""

    x: Array
    y: Array
    xy_err: Array
    xx: Array
    yy: Array
    xy: Array
    shape_flag: NDArray[np.bool_]
    edge: NDArray[np.bool_]
    blended: Array
    bands: dict[str, BandFluxes]
    detected: dict[str, NDArray[np.bool_]]

    def __len__(self) -> int:
        return len(self.x)


def _detect(exposures: dict[str, ExposureF]) -> tuple[Array, Array, Array]:
    """Find peaks in the combined significance of all bands.

    Returns
    -------
    x, y
        Positions of the peaks in array coordinates, to a fraction of a pixel.
    error
        Uncertainty of a position along each axis, pixels.

    Notes
    -----
    A peak must stand out from its wider surroundings, so that the body of a large galaxy is one
    object. Its knots may still be detected separately, as happens in real catalogs.
    """
    total, norm, fwhm = _filtered(exposures)
    significance = total / np.sqrt(norm)
    wide = _smooth(significance, np.ones(1), np.array([(2.2 * fwhm) ** 2]), "edge")
    contrast = significance - wide
    peak = significance > _THRESHOLD
    for step in product((-2, -1, 0, 1, 2), repeat=2):
        peak &= significance >= np.roll(significance, step, (0, 1))
    peak &= contrast > np.maximum(0.35 * _THRESHOLD, 0.22 * wide)
    peak[:3], peak[-3:], peak[:, :3], peak[:, -3:] = False, False, False, False
    rows, columns = np.nonzero(peak)
    dx, bend_x = _vertex(significance, rows, columns, (0, 1))
    dy, bend_y = _vertex(significance, rows, columns, (1, 0))
    bend = np.clip(np.minimum(bend_x, bend_y), 0.02, None)
    height = significance[rows, columns]
    # Noise of the slope over the curvature; the sky noise of the filtered image has unit variance.
    error = (0.42 / fwhm * 2.0) / (bend * height)
    error *= np.sqrt(_excess(exposures, rows, columns))
    return columns + dx, rows + dy, np.hypot(error, _CENTROID_LIMIT)


def _excess(
    exposures: dict[str, ExposureF], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> Array:
    """Return the variance at given pixels over that of the sky, in the band where it is highest."""
    planes = [exposure.variance.array for exposure in exposures.values()]
    excess: Array = np.max(
        [plane[rows, columns] / _sky_variance(plane) for plane in planes], axis=0
    )
    return excess


def _sky_variance(variance: NDArray[np.float32]) -> float:
    return float(np.median(variance[::4, ::4]))


def measure(exposures: dict[str, ExposureF]) -> Measured:
    """Detect objects in all bands, measure shapes in i, and measure fluxes in each band."""
    x, y, error = _detect(exposures)
    reference = exposures["i"]
    psf = Psf(reference.psf_fwhm)
    pixels = reference.image.array.astype(np.float64)
    stamps, dx, dy = _stamps(pixels, x, y, _HALF)
    xx, yy, xy, flag = _adaptive_moments(stamps, dx, dy, psf)
    large = np.flatnonzero((xx + yy) > 2 * 5.5**2)
    for start in range(0, len(large), 64):
        some = large[start : start + 64]
        wide, wide_dx, wide_dy = _stamps(pixels, x[some], y[some], _WIDE)
        xx[some], yy[some], xy[some], flag[some] = _adaptive_moments(wide, wide_dx, wide_dy, psf)
    flag |= _astray(x, y, (xx, yy, xy), _psf_fluxes(stamps, psf.at(dx**2 + dy**2)))
    # Objects without a valid shape are treated as point sources.
    xx[flag], yy[flag], xy[flag] = psf_moment(psf), psf_moment(psf), 0.0
    box = reference.bbox
    bands = {
        name: _forced(exposure, x, y, (xx, yy, xy), psf) for name, exposure in exposures.items()
    }
    side = pixels.shape
    edge = (x < 20) | (y < 20) | (x > side[1] - 21) | (y > side[0] - 21)
    return Measured(
        x=x + box.x0,
        y=y + box.y0,
        xy_err=error,
        xx=xx,
        yy=yy,
        xy=xy,
        shape_flag=flag,
        edge=edge,
        blended=_crowding(x, y, bands["i"].model),
        bands=bands,
        detected={name: fluxes.psf > _THRESHOLD * fluxes.psf_err for name, fluxes in bands.items()},
    )


def mark_detected(exposure: ExposureF) -> None:
    """Set the DETECTED bit where the filtered image exceeds the threshold."""
    total, norm, _ = _filtered({"only": exposure})
    above = total / np.sqrt(norm) > _THRESHOLD
    exposure.mask.array[above] |= 1 << MASK_PLANES["DETECTED"]


def _filtered(exposures: dict[str, ExposureF]) -> tuple[Array, float, float]:
    """Return the matched-filtered sum over bands, its variance, and the mean FWHM."""
    total = np.zeros(next(iter(exposures.values())).image.array.shape)
    norm, widths = 0.0, []
    for exposure in exposures.values():
        psf = Psf(exposure.psf_fwhm)
        noise = _sky_variance(exposure.variance.array)
        pixels = exposure.image.array.astype(np.float64)
        total = total + _smooth(pixels, psf.weights, psf.variances, "constant") / noise
        norm += 1 / psf.effective_area / noise
        widths.append(psf.fwhm)
    return total, norm, float(np.mean(widths))


def _smooth(
    image: Array, weights: Array, variances: Array, beyond: Literal["constant", "edge"]
) -> Array:
    """Convolve with a sum of Gaussians; the image is zero beyond its edges, or extended."""
    padded = np.pad(image, 32, mode=beyond)
    seen = np.fft.rfft2(padded) * transfer(padded.shape, weights, variances)
    smooth: Array = np.fft.irfft2(seen, padded.shape)
    return smooth[32:-32, 32:-32]


def _vertex(
    image: Array, rows: NDArray[np.int64], columns: NDArray[np.int64], step: tuple[int, int]
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


def _stamps(image: Array, x: Array, y: Array, half: int) -> tuple[Array, Array, Array]:
    """Return a square of pixels around each position, and the offsets from that position."""
    padded = np.pad(image, half)
    columns, rows = np.rint(x).astype(int), np.rint(y).astype(int)
    span = np.arange(-half, half + 1)
    cut = padded[
        (rows[:, None] + span + half)[:, :, None], (columns[:, None] + span + half)[:, None, :]
    ]
    dx = span[None, :] + (columns - x)[:, None]
    dy = span[None, :] + (rows - y)[:, None]
    return cut, dx[:, None, :], dy[:, :, None]


def _adaptive_moments(
    stamps: Array, dx: Array, dy: Array, psf: Psf
) -> tuple[Array, Array, Array, NDArray[np.bool_]]:
    """Return the moments of the self-consistent Gaussian weight, and a flag where that failed."""
    count, start = len(stamps), psf_moment(psf)
    xx, yy, xy = np.full(count, start), np.full(count, start), np.zeros(count)
    limit = (0.48 * stamps.shape[1] / 2) ** 2
    for _ in range(14):
        weighted = stamps * _weight(dx, dy, xx, yy, xy)
        flux = weighted.sum((1, 2))
        flux = np.where(np.abs(flux) < 1e-9, 1e-9, flux)
        new_xx = 2 * (weighted * dx**2).sum((1, 2)) / flux
        new_yy = 2 * (weighted * dy**2).sum((1, 2)) / flux
        new_xy = 2 * (weighted * dx * dy).sum((1, 2)) / flux
        xx = np.clip(np.nan_to_num(0.3 * xx + 0.7 * new_xx, nan=start), 0.75 * start, limit)
        yy = np.clip(np.nan_to_num(0.3 * yy + 0.7 * new_yy, nan=start), 0.75 * start, limit)
        bound = 0.85 * np.sqrt(xx * yy)
        xy = np.clip(np.nan_to_num(0.3 * xy + 0.7 * new_xy), -bound, bound)
    failed = (flux <= 0) | (xx >= limit) | (yy >= limit)
    failed |= (xx <= 0.751 * start) & (yy <= 0.751 * start)
    return xx, yy, xy, failed


def _weight(dx: Array, dy: Array, xx: Array, yy: Array, xy: Array) -> Array:
    det = xx * yy - xy**2
    a, b, c = (v[:, None, None] for v in (yy / det, xx / det, xy / det))
    weight: Array = np.exp(-0.5 * (a * dx**2 + b * dy**2 - 2 * c * dx * dy))
    return weight


def psf_moment(psf: Psf) -> float:
    """Return the adaptive moment of a point source, pixels squared."""
    moment = float(psf.variances[0])
    for _ in range(40):
        share = psf.weights * moment / (moment + psf.variances)
        each = moment * psf.variances / (moment + psf.variances)
        moment = 2 * float((share * each).sum() / share.sum())
    return moment


def _forced(
    exposure: ExposureF, x: Array, y: Array, moments: tuple[Array, Array, Array], shape_psf: Psf
) -> BandFluxes:
    """Measure fluxes at given positions with given shapes."""
    psf = Psf(exposure.psf_fwhm)
    pixels = exposure.image.array.astype(np.float64)
    rows = np.clip(np.rint(y).astype(int), 0, pixels.shape[0] - 1)
    columns = np.clip(np.rint(x).astype(int), 0, pixels.shape[1] - 1)
    variance = exposure.variance.array[rows, columns].astype(np.float64)
    stamps, dx, dy = _stamps(pixels, x, y, _HALF)
    template = psf.at(dx**2 + dy**2)
    own, other = psf_moment(psf), psf_moment(shape_psf)
    xx, yy = moments[0] - other + own, moments[1] - other + own
    xx, yy = np.maximum(xx, 0.8 * own), np.maximum(yy, 0.8 * own)
    bound = 0.85 * np.sqrt(xx * yy)
    xy = np.clip(moments[2], -bound, bound)
    model, spread = _model_flux(stamps, dx, dy, (xx, yy, xy), psf)
    large = np.flatnonzero((xx + yy) > 2 * 5.5**2)
    for start in range(0, len(large), 64):
        some = large[start : start + 64]
        wide, wide_dx, wide_dy = _stamps(pixels, x[some], y[some], _WIDE)
        shape = (xx[some], yy[some], xy[some])
        model[some], spread[some] = _model_flux(wide, wide_dx, wide_dy, shape, psf)
    return BandFluxes(
        psf=_psf_fluxes(stamps, template),
        psf_err=np.sqrt(variance / (template**2).sum((1, 2))),
        model=model,
        model_err=np.sqrt(variance) * spread,
        psf_moment=own,
        variance=variance,
    )


def _psf_fluxes(stamps: Array, template: Array) -> Array:
    """Return point-source fluxes, given the template of a point source of unit flux."""
    fluxes: Array = (stamps * template).sum((1, 2)) / (template**2).sum((1, 2))
    return fluxes


def _model_flux(
    stamps: Array, dx: Array, dy: Array, shape: tuple[Array, Array, Array], psf: Psf
) -> tuple[Array, Array]:
    """Return total fluxes under an elliptical Gaussian, and their noise for unit sky noise.

    Notes
    -----
    The scaling to total flux is exact for a point source. For a resolved galaxy the Gaussian misses
    the wings of its profile: about a tenth of the light when well resolved.
    """
    weight = _weight(dx, dy, *shape)
    own = psf_moment(psf)
    share = float((psf.weights * own / (own + psf.variances)).sum())
    resolution = np.clip(1 - 2 * own / (shape[0] + shape[1]), 0, 1)
    scale = (1 + 0.11 * resolution) / share
    return (stamps * weight).sum((1, 2)) * scale, np.sqrt((weight**2).sum((1, 2))) * scale


def _astray(
    x: Array, y: Array, moments: tuple[Array, Array, Array], flux: Array
) -> NDArray[np.bool_]:
    """Return which ellipses contain a brighter peak within two sigma, so are contaminated by it.

    Notes
    -----
    Nothing is deblended, so the moments of a faint object may drift towards a bright neighbour, and
    its model flux with them.
    """
    det = moments[0] * moments[1] - moments[2] ** 2
    a, b, c = moments[1] / det, moments[0] / det, moments[2] / det
    astray = np.zeros(len(x), dtype=bool)
    for start in range(0, len(x), 256):
        some = slice(start, start + 256)
        dx, dy = x - x[some, None], y - y[some, None]
        square = a[some, None] * dx**2 + b[some, None] * dy**2 - 2 * c[some, None] * dx * dy
        astray[some] = ((square < 2.0**2) & (flux > flux[some, None])).any(1)
    return astray


def _crowding(x: Array, y: Array, flux: Array) -> Array:
    """Return the fraction of the light near each object that comes from its neighbours."""
    result = np.zeros(len(x))
    for start in range(0, len(x), 256):
        part = slice(start, start + 256)
        square = (x[part, None] - x) ** 2 + (y[part, None] - y) ** 2
        near = np.exp(-0.5 * square / 4.0**2) * np.clip(flux, 0, None)
        own = np.clip(flux[part], 1e-9, None)
        result[part] = 1 - own / np.maximum(near.sum(1), own)
    return result
