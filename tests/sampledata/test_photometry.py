"""Fluxes of the field that platforms are installed with, compared with the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from firstlight_sampledata.catalogs import Columns, measured_tables
from firstlight_sampledata.field import Field
from firstlight_sampledata.match import truth_match
from firstlight_sampledata.simulate import Simulation, simulate
from firstlight_sampledata.stamps import DEFAULT_SEED
from firstlight_sampledata.truth import GALAXY

BANDS = ("u", "g", "r", "i", "z", "y")
BRIGHT = {"u": 20.5, "g": 21.0, "r": 21.0, "i": 21.0, "z": 20.5, "y": 19.5}
"""Down to these magnitudes every isolated object is compared, one by one."""
TOLERANCE = 0.12
"""Largest deviation of a bright isolated object's flux, as a fraction."""

Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def whole() -> Simulation:
    return simulate(Field(), DEFAULT_SEED, lambda _: None)


@pytest.fixture(scope="module")
def objects(whole: Simulation) -> Columns:
    return measured_tables(whole)["object"]


@pytest.fixture(scope="module")
def truth(whole: Simulation) -> Columns:
    """Return the sources that are far enough from the edge to be measured."""
    rows = truth_match(whole)
    sky, box = whole.sky, whole.field.box
    inside = (np.abs(sky.x - box.x0 - box.width / 2) < box.width / 2 - 25) & (
        np.abs(sky.y - box.y0 - box.height / 2) < box.height / 2 - 25
    )
    first = {name: values[rows["is_unique_truth_entry"]] for name, values in rows.items()}
    return {name: values[inside] for name, values in first.items()}


def isolated(truth: Columns, band: str, limit: float) -> NDArray[np.int64]:
    """Return the bright sources without a neighbour that matters.

    Within 8 arcseconds there is nothing with more than a twentieth of their light, and within 25
    no galaxy with more than twice their light: such galaxies have wings and knots.
    """
    flux = truth[f"flux_{band}"].astype(float)
    x, y = plane(truth["ra"], truth["dec"])
    chosen = []
    for row in np.flatnonzero(flux > 10 ** (0.4 * (31.4 - limit))):
        distance = np.hypot(x - x[row], y - y[row])
        distance[row] = np.inf
        near = (distance < 8) & (flux > 0.05 * flux[row])
        large = (distance < 25) & (flux > 2 * flux[row]) & (truth["truth_type"] == GALAXY)
        if not (near | large).any():
            chosen.append(row)
    return np.array(chosen)


def plane(ra: NDArray[np.generic], dec: NDArray[np.generic]) -> tuple[Array, Array]:
    """Return positions on the tangent plane at the field's centre, arcseconds."""
    return (
        (ra.astype(float) - 62.0) * np.cos(np.radians(37.0)) * 3600,
        (dec.astype(float) + 37.0) * 3600,
    )


def nearest(truth: Columns, objects: Columns, rows: NDArray[np.int64]) -> tuple[Array, Array]:
    """Return the nearest object of each source, and its distance in arcseconds."""
    x, y = plane(objects["ra"], objects["dec"])
    true_x, true_y = plane(truth["ra"][rows], truth["dec"][rows])
    distance = np.hypot(x - true_x[:, None], y - true_y[:, None])
    return distance.argmin(1), distance.min(1)


@pytest.mark.parametrize("band", BANDS)
def test_every_bright_isolated_object_is_there_with_its_light(
    truth: Columns, objects: Columns, band: str
) -> None:
    rows = isolated(truth, band, BRIGHT[band])
    found, distance = nearest(truth, objects, rows)
    ratio = objects[f"cModelFlux_{band}"][found] / truth[f"flux_{band}"][rows].astype(float)

    assert len(rows) >= 15
    assert distance.max() < 0.5
    assert np.abs(ratio - 1).max() < TOLERANCE, rows[np.abs(ratio - 1) >= TOLERANCE]
    assert np.median(ratio) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("band", BANDS)
def test_in_every_magnitude_the_median_is_the_truth(
    truth: Columns, objects: Columns, band: str
) -> None:
    rows = isolated(truth, band, BRIGHT[band] + 2)
    found, distance = nearest(truth, objects, rows)
    true = truth[f"flux_{band}"][rows].astype(float)
    ratio = objects[f"cModelFlux_{band}"][found] / true
    magnitude = np.floor(31.4 - 2.5 * np.log10(true))

    assert (distance < 0.5).mean() > 0.98
    for step in np.unique(magnitude):
        some = ratio[magnitude == step]
        # Fewer bright ones are compared one by one.
        if len(some) >= 5:
            assert np.median(some) == pytest.approx(1, abs=0.09), step


def test_the_large_spirals_have_their_arms(truth: Columns, objects: Columns) -> None:
    """The brightest galaxies outside the cluster, which had been fainter by up to 2.2 magnitudes."""
    galaxy = truth["truth_type"] == GALAXY
    alone = galaxy & (np.abs(truth["redshift"] - 0.34) > 0.02)
    for band in BANDS:
        rows = np.flatnonzero(alone)[np.argsort(-truth[f"flux_{band}"][alone])[:4]]
        found, _ = nearest(truth, objects, rows)
        ratio = objects[f"cModelFlux_{band}"][found] / truth[f"flux_{band}"][rows]
        assert np.abs(2.5 * np.log10(ratio)).max() < 0.15, band


def test_the_central_galaxy_is_no_brighter_than_documented(
    truth: Columns, objects: Columns
) -> None:
    """Without a deblender its neighbours' light is its own: docs/decisions/0010 says how much."""
    cluster = np.flatnonzero(np.abs(truth["redshift"] - 0.34) < 0.02)
    central = cluster[[truth["flux_i"][cluster].argmax()]]
    found, distance = nearest(truth, objects, central)
    excess = {
        band: 2.5
        * np.log10(objects[f"cModelFlux_{band}"][found[0]] / truth[f"flux_{band}"][central])
        for band in BANDS
    }

    assert distance[0] < 0.5
    limits = {"u": 1.07, "g": 0.76, "r": 0.56, "i": 0.52, "z": 0.5, "y": 0.48}
    for band, limit in limits.items():
        assert -TOLERANCE < excess[band] < limit, band


def test_a_galaxy_beside_a_bright_star_is_an_object(truth: Columns, objects: Columns) -> None:
    """The star's light in a wide area must not hide what stands out in a narrow one."""
    x, y = plane(truth["ra"], truth["dec"])
    flux = truth["flux_i"].astype(float)
    beside = []
    for row in np.flatnonzero((truth["truth_type"] == GALAXY) & (flux > 10 ** (0.4 * 10.4))):
        distance = np.hypot(x - x[row], y - y[row])
        star = (distance < 5) & (flux > 5 * flux[row]) & (truth["is_pointsource"] == 1)
        close = (distance < 3) & (flux > 0.1 * flux[row])
        if star.any() and close.sum() == 1:
            beside.append(row)

    _, distance = nearest(truth, objects, np.array(beside))

    assert len(beside) >= 1
    assert distance.max() < 0.5


def test_variable_stars_vary_from_visit_to_visit_as_the_truth_says(whole: Simulation) -> None:
    """Aperture fluxes in the visits that all show the same sky, over those of the mean."""
    sky, field = whole.sky, whole.field
    visits = [c for c in whole.calexps if c.visit.ra == field.ra and c.visit.band.name == "r"]
    stars = np.flatnonzero((sky.r > 17.5) & (sky.r < 20.5) & (sky.redshift == 0))
    ra, dec = field.tract.wcs.all_pix2world(sky.x[stars], sky.y[stars], 0)
    curves = []
    for calexp in visits:
        x, y = calexp.exposure.wcs.all_world2pix(ra, dec, 0)
        curves.append([aperture(calexp.exposure.image.array, *at) for at in zip(x, y, strict=True)])
    measured = np.array(curves).T
    expected = np.array([10 ** (-0.4 * (sky.at(c.visit.mjd).r[stars])) for c in visits]).T
    seen = np.isfinite(measured).all(1)
    relative = measured[seen] / measured[seen].mean(1, keepdims=True)
    true = expected[seen] / expected[seen].mean(1, keepdims=True)
    variable = sky.is_variable[stars][seen]

    assert len(visits) == 8
    assert 3 <= variable.sum() <= 8
    assert (relative[variable].std(1) > 0.05).all()
    assert np.abs(relative - true).max() < 0.06


def aperture(pixels: NDArray[np.float32], x: float, y: float) -> float:
    """Return the light within eleven pixels, or NaN if they are not all on the image."""
    row, column = round(y), round(x)
    cut = pixels[max(row - 11, 0) : row + 12, max(column - 11, 0) : column + 12]
    return float(cut.sum()) if cut.shape == (23, 23) else np.nan


def test_the_catalog_has_all_six_bands(objects: Columns) -> None:
    for band in BANDS:
        assert np.isfinite(objects[f"cModelFlux_{band}"]).all()
        assert (objects[f"psFluxErr_{band}"] > 0).all()


def test_the_site_and_the_tutorial_look_at_the_field() -> None:
    from firstlight_hub.settings.datasets import SAMPLE

    field = Field()
    tutorial = Path(__file__).parents[2] / "tutorials" / "01-first-light.ipynb"

    assert SAMPLE.position is not None
    assert (SAMPLE.position.ra, SAMPLE.position.dec) == (field.ra, field.dec)
    assert f"SkyCoord(ra={field.ra}, dec={field.dec}, " in tutorial.read_text()
