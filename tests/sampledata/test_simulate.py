from __future__ import annotations

import numpy as np
import pytest
from astropy.wcs import WCS

from firstlight_lab.images import ExposureF
from firstlight_sampledata.field import ZERO_POINT, Field
from firstlight_sampledata.psf import Psf
from firstlight_sampledata.simulate import Simulation, simulate
from firstlight_sampledata.truth import STAR
from tests.simulated import FIELD, SEED


def test_the_same_seed_gives_the_same_pixels_and_measurements(simulation: Simulation) -> None:
    again = simulate(FIELD, SEED, lambda _: None)

    for band, coadd in simulation.coadds.items():
        assert np.array_equal(coadd.image.array, again.coadds[band].image.array), band
        assert np.array_equal(
            simulation.measured.bands[band].model, again.measured.bands[band].model
        )
    for one, other in zip(simulation.calexps, again.calexps, strict=True):
        assert np.array_equal(one.exposure.image.array, other.exposure.image.array)


def test_another_seed_gives_another_sky(simulation: Simulation) -> None:
    other = simulate(Field.small(), SEED + 1, lambda _: None)

    assert not np.array_equal(other.sky.i[:100], simulation.sky.i[:100])


@pytest.mark.parametrize("band", ["g", "r", "i"])
def test_a_bright_star_is_a_bright_pixel_where_the_coadds_wcs_says(
    simulation: Simulation, band: str
) -> None:
    coadd = simulation.coadds[band]
    assert brightest_offsets(simulation, coadd, band) == pytest.approx(0, abs=1)


def test_a_bright_star_is_a_bright_pixel_in_each_turned_exposure(simulation: Simulation) -> None:
    seen = 0
    for calexp in simulation.calexps:
        offsets = brightest_offsets(simulation, calexp.exposure, calexp.visit.band.name)
        assert offsets == pytest.approx(0, abs=1)
        seen += len(offsets)
    assert seen >= 4


def brightest_offsets(simulation: Simulation, exposure: ExposureF, band: str) -> np.ndarray:
    """Return the distances from isolated bright stars to the brightest pixels near them."""
    offsets = []
    for x, y, _ in lonely_stars(simulation, exposure, band):
        column, row = round(x), round(y)
        near = exposure.image.array[row - 5 : row + 6, column - 5 : column + 6]
        found_y, found_x = np.unravel_index(near.argmax(), near.shape)
        offsets += [column + found_x - 5 - x, row + found_y - 5 - y]
    return np.array(offsets)


@pytest.mark.parametrize("band", ["g", "r", "i"])
def test_a_stars_counts_are_its_flux_within_the_noise(simulation: Simulation, band: str) -> None:
    coadd = simulation.coadds[band]
    psf = Psf(coadd.psf_fwhm)
    pulls = []
    for x, y, counts in lonely_stars(simulation, coadd, band):
        column, row = round(x), round(y)
        cut = slice(row - 12, row + 13), slice(column - 12, column + 13)
        dy, dx = np.mgrid[row - 12 : row + 13, column - 12 : column + 13]
        shape = psf.at((dx - x) ** 2 + (dy - y) ** 2)
        weight = shape / coadd.variance.array[cut]
        flux = (coadd.image.array[cut] * weight).sum() / (shape * weight).sum()
        pulls.append((flux - counts) * np.sqrt((shape * weight).sum()))

    assert len(pulls) >= 5
    # Faint galaxies under a star add a little to it.
    assert np.median(np.abs(pulls)) < 2


def test_the_noise_is_what_the_variance_says(simulation: Simulation) -> None:
    """Measured where nothing is detected; undetected galaxies add a little."""
    for band, coadd in simulation.coadds.items():
        empty = coadd.mask.array == 0
        pulls = coadd.image.array[empty] / np.sqrt(coadd.variance.array[empty])
        spread = 0.7413 * np.subtract(*np.percentile(pulls, [75, 25]))
        assert spread == pytest.approx(1, abs=0.15), band
        assert 0.2 < empty.mean() < 0.95


def lonely_stars(
    simulation: Simulation, exposure: ExposureF, band: str
) -> list[tuple[float, float, float]]:
    """Return the array positions and true counts of bright stars without bright neighbours."""
    sky = simulation.sky
    tract: WCS = simulation.field.tract.wcs
    x, y = exposure.wcs.all_world2pix(*tract.all_pix2world(sky.x, sky.y, 0), 0)
    x, y = x - exposure.bbox.x0, y - exposure.bbox.y0
    magnitude = sky.magnitude(band)
    found = []
    for star in np.flatnonzero((sky.kind == STAR) & (magnitude < 21.5)):
        inside = (
            15 < x[star] < exposure.bbox.width - 16 and 15 < y[star] < exposure.bbox.height - 16
        )
        near = (np.hypot(x - x[star], y - y[star]) < 25) & (magnitude < magnitude[star] + 3.5)
        if inside and near.sum() == 1:
            found.append((x[star], y[star], 10 ** (0.4 * (ZERO_POINT - magnitude[star]))))
    return found
