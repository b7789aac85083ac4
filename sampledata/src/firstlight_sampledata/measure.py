"""Measures a catalog from pixels: detection, positions, shapes and fluxes.

A simplified version of the Rubin pipelines' algorithms, under their names: peaks in a
matched-filtered image, ``SdssCentroid``, adaptive moments (``SdssShape``; Bernstein & Jarvis 2002,
AJ 123, 583), and point-source and model fluxes, with shapes and apertures measured in one band and
fluxes forced in the others. Nothing in this module uses the truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firstlight_lab.images import ExposureF
from firstlight_sampledata.detect import THRESHOLD, Peaks, detect, sky_level, sky_variance
from firstlight_sampledata.growth import Sources, apertures
from firstlight_sampledata.psf import Psf

__all__ = ["POINT_LIKE", "BandFluxes", "Measured", "measure", "psf_moment"]

Array = NDArray[np.float64]

POINT_LIKE = 0.94
"""Objects whose point-source flux is below this fraction of their model flux are extended."""
_HALF = 13
"""Half the side of the stamps used to measure shapes, pixels."""
_WIDE = 75
_RIVAL = 0.6
"""Neighbours with at least this fraction of an object's light may have distorted its shape."""
_BRIGHT = 30.0
"""Signal-to-noise ratio from which a galaxy's light is measured in an aperture of its own."""


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


def measure(exposures: dict[str, ExposureF]) -> Measured:
    """Detect objects in all bands, measure shapes in i, and measure fluxes in each band."""
    peaks = detect(exposures)
    x, y = peaks.x, peaks.y
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
    _measure_whole(exposures, bands, peaks, np.sqrt(np.maximum(xx, yy)), ~flag)
    side = pixels.shape
    edge = (x < 20) | (y < 20) | (x > side[1] - 21) | (y > side[0] - 21)
    return Measured(
        x=x + box.x0,
        y=y + box.y0,
        xy_err=peaks.error,
        xx=xx,
        yy=yy,
        xy=xy,
        shape_flag=flag,
        edge=edge,
        blended=_crowding(x, y, bands["i"].model),
        bands=bands,
        detected={name: fluxes.psf > THRESHOLD * fluxes.psf_err for name, fluxes in bands.items()},
    )


def _measure_whole(
    exposures: dict[str, ExposureF],
    bands: dict[str, BandFluxes],
    peaks: Peaks,
    width: Array,
    shaped: NDArray[np.bool_],
) -> None:
    """Replace the model fluxes of bright galaxies by those in apertures found in band i."""
    reference, fluxes = exposures["i"], bands["i"]
    pixels = reference.image.array
    resolved = shaped & (fluxes.psf < POINT_LIKE * fluxes.model)
    sources = Sources(
        x=peaks.x,
        y=peaks.y,
        flux=fluxes.model,
        width=width,
        height=pixels[np.rint(peaks.y).astype(int), np.rint(peaks.x).astype(int)].astype(float),
        contrast=peaks.contrast,
        resolved=resolved & (fluxes.model > _BRIGHT * fluxes.model_err),
    )
    noise = float(np.sqrt(sky_variance(reference)))
    found = apertures(pixels, sources, sky_level(reference), noise)
    for name, exposure in exposures.items():
        sky = sky_level(exposure)
        for aperture in found:
            bands[name].model[aperture.index] = aperture.flux(exposure.image.array, sky)
            bands[name].model_err[aperture.index] = aperture.error(exposure.variance.array)


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
    """Return which ellipses contain a rival peak within two sigma, so are contaminated by it.

    Notes
    -----
    Nothing is deblended, so the moments of a faint object may drift towards its neighbours, and its
    model flux with them.
    """
    det = moments[0] * moments[1] - moments[2] ** 2
    a, b, c = moments[1] / det, moments[0] / det, moments[2] / det
    astray = np.zeros(len(x), dtype=bool)
    for start in range(0, len(x), 256):
        some = slice(start, start + 256)
        dx, dy = x - x[some, None], y - y[some, None]
        square = a[some, None] * dx**2 + b[some, None] * dy**2 - 2 * c[some, None] * dx * dy
        rival = flux > _RIVAL * flux[some, None]
        rival[np.arange(len(rival)), np.arange(len(x))[some]] = False
        astray[some] = ((square < 2.0**2) & rival).any(1)
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
