from __future__ import annotations

import numpy as np
import pytest

from firstlight_sampledata.measure import psf_moment
from firstlight_sampledata.psf import FLOOR, Psf, sersic_mixture

FWHM = 3.7
SPAN = np.arange(-60, 61)
SQUARE = SPAN[:, None] ** 2 + SPAN[None, :] ** 2


def test_half_of_the_height_is_at_half_of_the_width() -> None:
    psf = Psf(FWHM)

    height = psf.at(np.array([0.0, (FWHM / 2) ** 2]))

    assert height[1] / height[0] == pytest.approx(0.5, abs=1e-3)


def test_a_point_source_of_flux_one_adds_up_to_one() -> None:
    assert Psf(FWHM).at(SQUARE.astype(float)).sum() == pytest.approx(1, abs=1e-3)


def test_effective_area_is_one_over_the_sum_of_squares() -> None:
    psf = Psf(FWHM)

    assert psf.effective_area == pytest.approx(
        1 / (psf.at(SQUARE.astype(float)) ** 2).sum(), rel=1e-3
    )


def test_transfer_takes_a_drawn_point_to_the_psf() -> None:
    psf = Psf(FWHM)
    drawn = np.exp(-0.5 * SQUARE / FLOOR**2) / (2 * np.pi * FLOOR**2)

    seen = np.fft.irfft2(np.fft.rfft2(drawn) * psf.transfer(drawn.shape), drawn.shape)

    assert np.abs(seen - psf.at(SQUARE.astype(float))).max() < 1e-3 * seen.max()


def test_adaptive_moments_weigh_with_themselves() -> None:
    """The moment m solves m = 2 <r² w> / (2 <w>) for a Gaussian weight of variance m."""
    psf = Psf(FWHM)
    moment = psf_moment(psf)
    weighted = psf.at(SQUARE.astype(float)) * np.exp(-0.5 * SQUARE / moment)

    measured = 2 * (weighted * SPAN[None, :] ** 2).sum() / weighted.sum()

    assert measured == pytest.approx(moment, rel=1e-3)


@pytest.mark.parametrize("index", [1, 4])
def test_half_of_a_galaxys_light_is_within_its_half_light_radius(index: int) -> None:
    flux, sigma = sersic_mixture(index)

    assert flux.sum() == pytest.approx(1)
    assert (flux > 0).all()
    within = float((flux * (1 - np.exp(-0.5 / sigma**2))).sum())
    assert within == pytest.approx(0.5, abs=0.03)
