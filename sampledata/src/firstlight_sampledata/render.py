"""Renders the true sky as pixels: draws sources, convolves with the PSF and adds noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS
from numpy.random import Generator
from numpy.typing import NDArray

from firstlight_lab.geometry import Box
from firstlight_lab.images import ExposureF, FilterLabel, ImageF, MaskX, PhotoCalib
from firstlight_sampledata.field import ZERO_POINT, Band
from firstlight_sampledata.paint import SHOWPIECES, brightness
from firstlight_sampledata.psf import FLOOR, Psf, sersic_mixture
from firstlight_sampledata.truth import STAR, Sky

__all__ = ["Painting", "draw", "expose", "noise_of"]

Array = NDArray[np.float64]

_MARGIN = 72
_PIXEL = 0.2
_GAIN = 60.0
"""Photons per count, which determines the noise of the sources themselves."""


@dataclass(frozen=True)
class Painting:
    """A region of a pixel grid on which the sky is drawn."""

    box: Box
    wcs: WCS
    angle: float = 0.0


def draw(sky: Sky, painting: Painting, tract_wcs: WCS, bands: tuple[str, ...]) -> dict[str, Array]:
    """Return a noiseless image per band, before convolution with the PSF (sigma is `FLOOR`).

    Notes
    -----
    The bulge and disc of a source have the same shape in each band, so each is drawn once.
    """
    box = painting.box
    grown = Box(
        box.x0 - _MARGIN, box.y0 - _MARGIN, box.width + 2 * _MARGIN, box.height + 2 * _MARGIN
    )
    canvas = {band: np.zeros((grown.height, grown.width)) for band in bands}
    ra, dec = tract_wcs.all_pix2world(sky.x, sky.y, 0)
    x, y = painting.wcs.all_world2pix(ra, dec, 0)
    x, y = x - grown.x0, y - grown.y0
    angle = sky.angle - np.radians(painting.angle)
    inside = (x > -30) & (x < grown.width + 30) & (y > -30) & (y < grown.height + 30)
    counts = {band: 10 ** (0.4 * (ZERO_POINT - sky.magnitude(band))) for band in bands}
    for index in np.flatnonzero(inside & (sky.painted < 0)):
        parts = _parts(sky, int(index), angle[index])
        for part, shapes in enumerate(parts):
            if not shapes:
                continue
            window, stamp = _stamp(x[index], y[index], shapes, grown)
            if window is None:
                continue
            for band in bands:
                share = _share(sky, int(index), band, part)
                canvas[band][window] += counts[band][index] * share * stamp
    for index in np.flatnonzero(inside & (sky.painted >= 0)):
        _paint(canvas, sky, int(index), (x[index], y[index]), painting.angle)
    return canvas


def expose(
    canvas: Array, painting: Painting, band: Band, psf: Psf, depth: float, rng: Generator
) -> ExposureF:
    """Return the observed image: the canvas convolved with the PSF, with noise."""
    blurred = np.fft.irfft2(np.fft.rfft2(canvas) * psf.transfer(canvas.shape), canvas.shape)
    clean = blurred[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    sigma = noise_of(depth, psf)
    variance = sigma**2 + np.clip(clean, 0, None) / _GAIN
    pixels = clean + rng.standard_normal(clean.shape) * np.sqrt(variance)
    box = painting.box
    # The variance is rounded to about two digits, which is precise enough and compresses well.
    step = 2.0 ** np.floor(np.log2(variance) - 6)
    return ExposureF(
        ImageF(pixels.astype(np.float32), box),
        MaskX(np.zeros(clean.shape, dtype=np.int32), box),
        ImageF((np.round(variance / step) * step).astype(np.float32), box),
        painting.wcs,
        PhotoCalib(ZERO_POINT),
        FilterLabel(band.name, band.physical_filter),
        psf.fwhm,
    )


def noise_of(depth: float, psf: Psf) -> float:
    """Return the sky noise per pixel that makes a point source of a magnitude five sigma."""
    counts = 10 ** (0.4 * (ZERO_POINT - depth))
    return float(counts / 5 / np.sqrt(psf.effective_area))


def _parts(sky: Sky, index: int, angle: float) -> list[list[tuple[float, float, float, float]]]:
    """Return (flux, major variance, minor variance, angle) for each Gaussian of disc and bulge."""
    if sky.kind[index] == STAR:
        return [[(1.0, FLOOR**2, FLOOR**2, 0.0)], []]
    ratio, fraction = sky.axis_ratio[index], sky.fraction[index]
    parts = []
    for size, flat, sersic, used in (
        (sky.disc[index], ratio, 1, fraction < 1),
        (sky.bulge[index], max(ratio, 0.5), 4, fraction > 0),
    ):
        shapes = []
        for flux, sigma in zip(*sersic_mixture(sersic), strict=True) if used else ():
            major = (size / _PIXEL * sigma) ** 2
            shapes.append((float(flux), major + FLOOR**2, major * flat**2 + FLOOR**2, float(angle)))
        parts.append(shapes)
    return parts


def _share(sky: Sky, index: int, band: str, part: int) -> float:
    """Return the fraction of the light in a band that comes from the disc (0) or bulge (1)."""
    fraction = float(sky.fraction[index])
    redder = {"u": 0.6, "g": 0.75, "r": 0.92}.get(band, 1.0)
    bulge = fraction * redder if fraction < 0.5 else fraction
    return bulge if part else 1 - bulge


def _stamp(
    x: float, y: float, shapes: list[tuple[float, float, float, float]], grown: Box
) -> tuple[tuple[slice, slice] | None, Array]:
    """Draw concentric Gaussians on a stamp that is just large enough."""
    reach = int(np.ceil(4.3 * np.sqrt(max(shape[1] for shape in shapes)))) + 1
    left, low = int(np.floor(x)) - reach, int(np.floor(y)) - reach
    x0, x1 = max(left, 0), min(left + 2 * reach + 2, grown.width)
    y0, y1 = max(low, 0), min(low + 2 * reach + 2, grown.height)
    if x0 >= x1 or y0 >= y1:
        return None, np.zeros((0, 0))
    dx = np.arange(x0, x1)[None, :] - x
    dy = np.arange(y0, y1)[:, None] - y
    stamp = np.zeros((y1 - y0, x1 - x0))
    turn = shapes[0][3]
    along = (dx * np.cos(turn) + dy * np.sin(turn)) ** 2
    across = (dy * np.cos(turn) - dx * np.sin(turn)) ** 2
    for flux, major, minor, _ in shapes:
        stamp += (
            flux
            / (2 * np.pi * np.sqrt(major * minor))
            * np.exp(-0.5 * (along / major + across / minor))
        )
    return (slice(y0, y1), slice(x0, x1)), stamp


def _paint(
    canvas: dict[str, Array], sky: Sky, index: int, at: tuple[float, float], angle: float
) -> None:
    """Add a showpiece to the canvas."""
    piece = SHOWPIECES[int(sky.painted[index])]
    reach = int(piece.reach / _PIXEL)
    columns = np.arange(int(at[0]) - reach, int(at[0]) + reach + 1)
    rows = np.arange(int(at[1]) - reach, int(at[1]) + reach + 1)
    height, width = next(iter(canvas.values())).shape
    fit_x = (columns >= 0) & (columns < width)
    fit_y = (rows >= 0) & (rows < height)
    if not (fit_x.any() and fit_y.any()):
        return
    dx = ((columns - at[0]) * _PIXEL)[None, :]
    dy = ((rows - at[1]) * _PIXEL)[:, None]
    turn = np.radians(angle)
    # Offsets along the tract's axes, whatever the rotation of this image.
    along, across = dx * np.cos(turn) - dy * np.sin(turn), dx * np.sin(turn) + dy * np.cos(turn)
    light = brightness(int(sky.painted[index]), along, across)
    window = (
        slice(rows[fit_y][0], rows[fit_y][-1] + 1),
        slice(columns[fit_x][0], columns[fit_x][-1] + 1),
    )
    for band, image in canvas.items():
        shape = light[band]
        counts = 10 ** (0.4 * (ZERO_POINT - sky.magnitude(band)[index]))
        image[window] += (counts / shape.sum() * shape)[np.ix_(fit_y, fit_x)]
