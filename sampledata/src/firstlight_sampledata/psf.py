"""Profiles as sums of Gaussians, which are quick to draw and exact to convolve.

After Hogg & Lang (2013, PASP 125, 719): if the point-spread function and galaxies are mixtures of
Gaussians, convolution adds variances and nothing needs oversampling.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["FLOOR", "Psf", "sersic_mixture", "transfer"]

FLOOR = 1.0
"""Sigma, in pixels, of everything that is drawn before the image is convolved."""

_WEIGHTS = np.array([0.70, 0.25, 0.05])
_WIDTHS = np.array([1.0, 1.75, 4.5])


@dataclass(frozen=True)
class Psf:
    """A round point-spread function with wings, close to a Moffat function.

    Attributes
    ----------
    fwhm
        Full width at half maximum, in pixels.
    """

    fwhm: float

    @property
    def weights(self) -> NDArray[np.float64]:
        """Fluxes of the Gaussians, which sum to one."""
        return _WEIGHTS

    @property
    def variances(self) -> NDArray[np.float64]:
        """Variances of the Gaussians, in pixels squared."""
        return (self.fwhm * _core_per_fwhm() * _WIDTHS) ** 2

    def at(self, square: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the value at a squared distance, for a total flux of one."""
        value = np.zeros_like(square)
        for weight, variance in zip(self.weights, self.variances, strict=True):
            value += weight / (2 * np.pi * variance) * np.exp(-0.5 * square / variance)
        return value

    def transfer(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        """Return the Fourier transform that convolves an image drawn with `FLOOR` to this PSF."""
        return transfer(shape, self.weights, self.variances - FLOOR**2)

    @property
    def effective_area(self) -> float:
        """Number of pixels that contribute noise to an optimally weighted point source."""
        v = self.variances
        overlap = np.outer(self.weights, self.weights) / (2 * np.pi * np.add.outer(v, v))
        return float(1 / overlap.sum())


def transfer(
    shape: tuple[int, int], weights: NDArray[np.float64], variances: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the Fourier transform of a sum of round Gaussians, in the layout of `numpy.fft.rfft2`.

    Parameters
    ----------
    shape
        Rows and columns of the image to be convolved.
    weights, variances
        Fluxes of the Gaussians, and their variances in pixels squared.
    """
    ky = np.fft.fftfreq(shape[0])[:, None]
    kx = np.fft.rfftfreq(shape[1])[None, :]
    square = (2 * np.pi) ** 2 * (kx**2 + ky**2)
    total = np.zeros(square.shape)
    for weight, variance in zip(weights, variances, strict=True):
        total += weight * np.exp(-0.5 * square * variance)
    return total


@cache
def _core_per_fwhm() -> float:
    """Return the sigma of the narrowest Gaussian for a FWHM of one."""
    radius = np.linspace(0.5, 2.5, 4001)
    value = sum(
        weight / width**2 * np.exp(-0.5 * (radius / width) ** 2)
        for weight, width in zip(_WEIGHTS, _WIDTHS, strict=True)
    )
    half = float((_WEIGHTS / _WIDTHS**2).sum()) / 2
    return float(0.5 / np.interp(-half, -np.asarray(value), radius))


@cache
def sersic_mixture(index: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (fluxes, sigmas) of Gaussians that sum to a Sérsic profile.

    Parameters
    ----------
    index
        1 (exponential disc) or 4 (de Vaucouleurs).

    Notes
    -----
    Sigmas are in half-light radii. The fluxes are determined by Richardson-Lucy iteration on the
    light in rings, which keeps them positive. The profile is truncated at 8 half-light radii.
    """
    b = {1: 1.67835, 4: 7.66925}[index]
    radius = np.geomspace(0.01, 8, 240)
    ring = radius**2 * np.exp(-b * radius ** (1 / index))
    ring /= ring.sum()
    sigma = np.geomspace(0.12, 1.9, 5) if index == 1 else np.geomspace(0.03, 3.2, 7)
    response = (radius[:, None] / sigma) ** 2 * np.exp(-0.5 * (radius[:, None] / sigma) ** 2)
    response /= response.sum(axis=0)
    flux = np.full(len(sigma), 1 / len(sigma))
    for _ in range(600):
        flux *= response.T @ (ring / (response @ flux))
    return flux / flux.sum(), sigma
