from __future__ import annotations

import numpy as np
import pytest

from firstlight_hub.describe import sample_felis
from firstlight_sampledata.catalogs import Columns
from firstlight_sampledata.match import healpix_cell
from firstlight_sampledata.simulate import Simulation
from firstlight_services.tap.schema import read_felis

Tables = dict[str, Columns]


def test_columns_are_those_of_the_observatorys_schema(tables: Tables) -> None:
    felis = sample_felis()
    assert felis is not None
    schema = read_felis(felis)
    known = {table.name: {column.name for column in table.columns} for table in schema.tables}

    for name, columns in tables.items():
        assert set(columns) <= known[name], name
        assert len({len(values) for values in columns.values()}) == 1, name


def test_the_same_object_is_the_same_row_in_each_table(tables: Tables) -> None:
    objects = tables["object"]

    assert len(np.unique(objects["objectId"])) == len(objects["objectId"])
    for name in ("position", "reference", "forced_photometry"):
        assert np.array_equal(tables[name]["objectId"], objects["objectId"])
        assert np.array_equal(tables[name]["coord_ra"], objects["ra"])


def test_positions_are_what_the_image_says_of_the_pixels(
    tables: Tables, simulation: Simulation
) -> None:
    objects = tables["object"]
    wcs = simulation.coadds["i"].wcs

    ra, dec = wcs.all_pix2world(objects["x"], objects["y"], 0)

    assert np.allclose(ra, objects["ra"], atol=1e-9)
    assert np.allclose(dec, objects["dec"], atol=1e-9)


@pytest.mark.parametrize("band", ["g", "r", "i"])
def test_magnitudes_belong_to_the_fluxes(tables: Tables, band: str) -> None:
    objects = tables["object"]
    flux, magnitude = objects[f"cModelFlux_{band}"], objects[f"mag_{band}_cModel"]

    assert np.allclose(10 ** (0.4 * (31.4 - magnitude[flux > 0])), flux[flux > 0])
    assert np.isnan(magnitude[flux <= 0]).all()


def test_forced_fluxes_are_the_objects_in_counts(tables: Tables) -> None:
    """One count corresponds to magnitude 27, that is, 10^(0.4 (31.4 - 27)) nJy."""
    counts = tables["forced_photometry"]["r_base_PsfFlux_instFlux"]

    assert np.allclose(counts * 10 ** (0.4 * 4.4), tables["object"]["psFlux_r"])


def test_each_source_has_one_unique_row_of_truth(tables: Tables, simulation: Simulation) -> None:
    truth = tables["truth_match"]

    assert truth["is_unique_truth_entry"].sum() == len(simulation.sky)
    assert len(set(truth["id"])) == len(simulation.sky)
    assert (truth["match_sep"][truth["match_objectId"] >= 0] < 1.0).all()
    matches = truth["match_objectId"][truth["match_objectId"] >= 0]
    assert len(np.unique(matches)) == len(matches)


def test_healpix_cells_are_those_whose_middle_is_nearest() -> None:
    """Centres of the belt cells, after equations 8 and 9 of Górski et al. (2005)."""
    nside = 32
    rings = np.arange(nside, 3 * nside + 1)
    number = 2 * nside * (nside - 1) + np.arange(len(rings) * 4 * nside)
    ring = np.repeat(rings, 4 * nside)
    place = np.tile(np.arange(1, 4 * nside + 1), len(rings))
    z = 4 / 3 - 2 * ring / (3 * nside)
    phi = np.pi / (2 * nside) * (place - np.where((ring - nside) % 2, 1, 0.5))

    found = healpix_cell(np.degrees(phi), np.degrees(np.arcsin(z)))

    assert np.array_equal(found, number)


def test_tract_3828_lies_on_the_cells_that_cosmodc2_says() -> None:
    ra, dec = np.meshgrid(np.linspace(55.736, 57.563, 60), np.linspace(-37.19, -35.703, 60))

    assert set(healpix_cell(ra, dec).ravel()) <= {9556, 9683, 9684, 9812, 9813, 9940}
