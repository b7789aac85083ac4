"""Queries such as those in the public tutorials of Data Preview 0, on the sample's catalogs."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firstlight_sampledata.catalogs import Columns
from firstlight_services.tap.engines.duckdb import DuckDBEngine, tap_schema_file
from firstlight_services.tap.engines.duckdb.load import load
from tests.services.tap.conftest import ask, dp01, engine_of
from tests.simulated import simulation, tables

__all__ = ["simulation", "tables"]

AREA = "CONTAINS(POINT('ICRS', {0}ra, {0}dec), CIRCLE('ICRS', 62.0, -37.0, 0.1)) = 1"
CONE, JOINED_CONE = AREA.format(""), AREA.format("obj.")


@pytest.fixture(scope="module")
def sample_engine(
    tables: dict[str, Columns], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DuckDBEngine]:
    """Return the engine over the catalogs of a small field."""
    folder, state = tmp_path_factory.mktemp("catalog"), tmp_path_factory.mktemp("state")
    for name, columns in tables.items():
        table = {key: pa.array(values, from_pandas=True) for key, values in columns.items()}
        pq.write_table(pa.table(table), folder / f"{name}.parquet")
    dataset = dp01(state, folder)
    load((dataset,), tap_schema_file(state))
    engine = engine_of(state, dataset)
    yield engine
    engine.close()


QUERIES = {
    "magnitudes of good objects in a cone": f"""
        SELECT objectId, ra, dec, good, mag_g_cModel AS gmag, mag_i_cModel AS imag,
               magerr_g_cModel AS gmag_err, magerr_i_cModel AS imag_err
        FROM dp01_dc2_catalogs.object WHERE {CONE} AND good = 1""",
    "true sources that were found": f"""
        SELECT ra, dec, mag_r, match_objectId, flux_g, flux_r, flux_i, truth_type, match_sep,
               is_variable
        FROM dp01_dc2_catalogs.truth_match
        WHERE {CONE} AND match_objectId >= 0 AND is_good_match = 1""",
    "objects beside the truth": f"""
        SELECT obj.objectId, obj.mag_g_cModel, obj.psFlux_r, obj.cModelFlux_i, obj.tract,
               obj.patch, obj.extendedness, truth.mag_r, truth.flux_r, truth.truth_type
        FROM dp01_dc2_catalogs.object AS obj
        JOIN dp01_dc2_catalogs.truth_match AS truth ON truth.match_objectId = obj.objectId
        WHERE {JOINED_CONE} AND truth.is_good_match = 1""",
    "forced fluxes and shapes of primary objects": """
        SELECT TOP 20 dref.coord_ra, dref.base_SdssShape_xx, dfrc.i_modelfit_CModel_instFlux
        FROM dp01_dc2_catalogs.reference AS dref
        JOIN dp01_dc2_catalogs.position AS dpos ON dref.objectId = dpos.objectId
        JOIN dp01_dc2_catalogs.forced_photometry AS dfrc ON dfrc.objectId = dpos.objectId
        WHERE dpos.detect_isPrimary = 1 AND dfrc.i_modelfit_CModel_instFlux > 0""",
    "colours in all six bands": f"""
        SELECT TOP 20 mag_u_cModel - mag_g_cModel, mag_z_cModel - mag_y_cModel, psFlux_y
        FROM dp01_dc2_catalogs.object
        WHERE {CONE} AND mag_u_cModel < 25 AND mag_y_cModel < 23 AND tract = 3831""",
    "variable stars": f"""
        SELECT ra, dec, mag_r FROM dp01_dc2_catalogs.truth_match
        WHERE {CONE} AND is_variable = 1 AND truth_type = 2""",
    "objects in a polygon": """
        SELECT TOP 20 objectId, ra, dec FROM dp01_dc2_catalogs.object
        WHERE CONTAINS(POINT('ICRS', ra, dec),
                       POLYGON('ICRS', 61.9, -37.1, 62.1, -37.1, 62.1, -36.9, 61.9, -36.9)) = 1""",
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_published_queries_find_something(sample_engine: DuckDBEngine, query: str) -> None:
    assert ask(query, sample_engine.describe(), sample_engine)


def test_objects_are_counted_by_type(sample_engine: DuckDBEngine) -> None:
    query = (
        "SELECT truth_type, COUNT(*) FROM dp01_dc2_catalogs.truth_match "
        "GROUP BY truth_type ORDER BY truth_type"
    )
    assert [kind for kind, _ in ask(query, sample_engine.describe(), sample_engine)] == [1, 2]


def test_patches_are_those_of_the_sky_map(sample_engine: DuckDBEngine) -> None:
    query = "SELECT DISTINCT tract, patch FROM dp01_dc2_catalogs.object ORDER BY patch"
    found = ask(query, sample_engine.describe(), sample_engine)
    assert found == [(3831, name) for name in ("3,0", "3,1", "4,0", "4,1")]
