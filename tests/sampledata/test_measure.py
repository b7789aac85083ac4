"""Measurements compared with the truth, which the measuring code does not see."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from firstlight_sampledata.catalogs import Columns
from firstlight_sampledata.simulate import Simulation
from firstlight_sampledata.truth import GALAXY

Tables = dict[str, Columns]
BANDS = ["g", "r", "i"]


def matched(tables: Tables) -> tuple[Columns, Columns]:
    """Return the rows of the truth that match an object, and those objects."""
    truth, objects = tables["truth_match"], tables["object"]
    rows = np.flatnonzero((truth["match_objectId"] >= 0) & truth["is_good_match"])
    at = np.searchsorted(objects["objectId"], truth["match_objectId"][rows])
    return {k: v[rows] for k, v in truth.items()}, {k: v[at] for k, v in objects.items()}


def isolated_stars(tables: Tables) -> tuple[Columns, Columns]:
    truth, objects = matched(tables)
    use = (truth["is_pointsource"] == 1) & objects["clean"] & (truth["mag_r"] < 23.5)
    return {k: v[use] for k, v in truth.items()}, {k: v[use] for k, v in objects.items()}


def robust(values: NDArray[np.float64]) -> tuple[float, float]:
    low, middle, high = np.percentile(values, [25, 50, 75])
    return float(middle), float(0.7413 * (high - low))


def test_nearly_all_bright_stars_are_objects(tables: Tables) -> None:
    truth = tables["truth_match"]
    star = (truth["is_pointsource"] == 1) & (truth["mag_r"] < 23) & truth["is_unique_truth_entry"]
    inside = star & within(truth, tables["object"])

    assert inside.sum() > 40
    assert (truth["match_objectId"][inside] >= 0).mean() > 0.95


def within(truth: Columns, objects: Columns) -> NDArray[np.bool_]:
    """Return which sources lie in the area that the objects cover."""
    inside = np.ones(len(truth["ra"]), dtype=bool)
    for name in ("ra", "dec"):
        low, high = objects[name].min(), objects[name].max()
        margin = 0.02 * (high - low)
        inside &= (truth[name] > low + margin) & (truth[name] < high - margin)
    return inside


@pytest.mark.parametrize("band", BANDS)
def test_star_fluxes_scatter_about_the_truth_by_their_stated_errors(
    tables: Tables, band: str
) -> None:
    truth, objects = isolated_stars(tables)
    true = truth[f"flux_{band}"].astype(float)
    # And three thousandths: how well the shape of the PSF is known.
    error = np.hypot(objects[f"psFluxErr_{band}"], 0.003 * true)

    middle, spread = robust((objects[f"psFlux_{band}"] - true) / error)

    assert len(true) >= 40
    # Unseen galaxies below a star add a little to it.
    assert abs(middle) < 0.7
    assert 0.6 < spread < 1.5


def test_star_positions_scatter_by_their_stated_errors(
    tables: Tables, simulation: Simulation
) -> None:
    truth, objects = isolated_stars(tables)
    x, y = simulation.field.tract.wcs.all_world2pix(truth["ra"], truth["dec"], 0)
    pulls = np.concatenate(
        [(objects["x"] - x) / objects["xErr"], (objects["y"] - y) / objects["yErr"]]
    )

    middle, spread = robust(pulls)

    assert abs(middle) < 0.5
    assert 0.6 < spread < 1.6
    assert np.median(np.hypot(objects["x"] - x, objects["y"] - y)) < 0.05


def test_stars_and_galaxies_are_told_apart(tables: Tables) -> None:
    truth, objects = matched(tables)
    use = (truth["mag_r"] < 23) & objects["clean"] & ~np.isnan(objects["extendedness"])
    star = truth["is_pointsource"] == 1

    assert objects["extendedness"][use & star].mean() < 0.2
    assert objects["extendedness"][use & ~star].mean() > 0.9


def test_galaxy_model_magnitudes_are_near_the_truth(tables: Tables) -> None:
    truth, objects = matched(tables)
    use = (truth["truth_type"] == GALAXY) & objects["clean"] & (truth["mag_r"] < 24)

    middle, spread = robust((objects["mag_r_cModel"] - truth["mag_r"])[use])

    assert use.sum() > 20
    assert abs(middle) < 0.15
    assert spread < 0.3


def test_no_faint_object_takes_a_bright_neighbours_light(tables: Tables) -> None:
    """A model flux far above the point-source flux comes from a neighbour."""
    objects = tables["object"]
    use = objects["clean"] & (objects["mag_i"] > 24)

    assert (objects["mag_i"] - objects["mag_i_cModel"])[use].max() < 3


def test_what_has_no_shape_is_neither_star_nor_galaxy(tables: Tables) -> None:
    objects = tables["object"]
    flag = objects["I_flag"]

    assert flag.any()
    assert np.isnan(objects["extendedness"][flag]).all()
    assert set(objects["extendedness"][~flag]) == {0.0, 1.0}
    assert (objects["Ixx_pixel"][flag] == objects["IxxPSF_pixel"][flag]).all()


def test_what_is_detected_in_the_image_is_marked(simulation: Simulation) -> None:
    coadd, measured = simulation.coadds["r"], simulation.measured
    sure = measured.bands["r"].psf > 8 * measured.bands["r"].psf_err
    rows = np.rint(measured.y[sure]).astype(int) - coadd.bbox.y0
    columns = np.rint(measured.x[sure]).astype(int) - coadd.bbox.x0
    detected = coadd.mask.getPlaneBitMask("DETECTED")

    assert ((coadd.mask.array[rows, columns] & detected) != 0).all()
