"""A site with two data sets: each has a database of its own, and queries see both."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firstlight_common.runtime import DataSet
from firstlight_services.tap import vosi
from firstlight_services.tap.engines.duckdb import DuckDBEngine, tap_schema_file
from firstlight_services.tap.engines.duckdb.load import LoadError, load
from firstlight_services.tap.errors import QueryError
from firstlight_services.web import ServiceError
from tests.services.tap.conftest import ask, copied, dp01, engine_of, rows_of

FELIS = """
name: dp02_test
"@id": "#dp02"
description: A second data set.
tables:
- name: object
  "@id": "#object"
  description: Its objects.
  columns:
  - {name: objectId, "@id": "#id", datatype: long, description: Number}
  - {name: ra, "@id": "#ra", datatype: double, "ivoa:ucd": pos.eq.ra, "fits:tunit": deg, description: RA}
  - {name: dec, "@id": "#dec", datatype: double, "ivoa:ucd": pos.eq.dec, "fits:tunit": deg, description: Dec}
- name: extra
  "@id": "#extra"
  description: Empty.
  columns:
  - {name: id, "@id": "#extraId", datatype: int, description: Number}
"""


def dp02(state: Path, **changed: object) -> DataSet:
    known = {
        "label": "dp02",
        "title": "DP0.2",
        "felis": state / "dp02.yaml",
        "catalog": state / "parquet2",
        "store": tap_schema_file(state).with_name("dp02.duckdb"),
    }
    return DataSet.model_validate(known | changed)


@pytest.fixture
def site(state: Path, tmp_path: Path) -> Path:
    """A state directory with what two data sets are made of; the first one is loaded."""
    copied(state, tmp_path)
    (tmp_path / "dp02.yaml").write_text(FELIS)
    (tmp_path / "parquet2").mkdir()
    table = {"objectId": np.arange(10**15, 10**15 + 5), "ra": [10.0] * 5, "dec": [-5.0] * 5}
    pq.write_table(pa.table(table), tmp_path / "parquet2" / "object.parquet")
    return tmp_path


@pytest.fixture
def datasets(site: Path, parquet: Path) -> tuple[DataSet, DataSet]:
    return dp01(site, parquet), dp02(site)


@pytest.fixture
def engine(site: Path, datasets: tuple[DataSet, DataSet]) -> Iterator[DuckDBEngine]:
    assert load(datasets, tap_schema_file(site)) == ("dp02.duckdb", "tap_schema.duckdb")
    engine = engine_of(site, *datasets)
    yield engine
    engine.close()


def test_queries_see_both_data_sets(engine: DuckDBEngine) -> None:
    catalog = engine.describe()
    assert ask("SELECT COUNT(*) FROM dp01_dc2_catalogs.object", catalog, engine) == [(600,)]
    cone = "CONTAINS(POINT(ra, dec), CIRCLE(10, -5, 0.1)) = 1"
    assert ask(f"SELECT COUNT(*) FROM dp02_test.object WHERE {cone}", catalog, engine) == [(5,)]
    joined = (
        "SELECT COUNT(*), MIN(b.dec) FROM dp01_dc2_catalogs.object a "
        "JOIN dp02_test.object b ON a.objectId = b.objectId WHERE a.tract < 3"
    )
    assert ask(joined, catalog, engine) == [(3, -5.0)]


def test_a_name_that_both_have_needs_its_schema(engine: DuckDBEngine) -> None:
    with pytest.raises(QueryError) as caught:
        ask("SELECT COUNT(*) FROM object", engine.describe(), engine)
    assert caught.value.code == "ambiguous_table"
    assert "dp02_test.object" in caught.value.hint


def test_tap_schema_and_vosi_list_both(engine: DuckDBEngine) -> None:
    catalog = engine.describe()
    found = ask("SELECT schema_name FROM tap_schema.schemas ORDER BY 1", catalog, engine)
    assert found == [("dp01_dc2_catalogs",), ("dp02_test",), ("tap_schema",)]
    columns = "SELECT column_name FROM tap_schema.columns WHERE table_name = 'dp02_test.extra'"
    assert ask(columns, catalog, engine) == [("id",)]
    document = vosi.tables(catalog)
    assert b"<name>dp02_test.extra</name>" in document
    assert b"<name>dp01_dc2_catalogs.object</name>" in document


def test_no_database_can_be_written(engine: DuckDBEngine) -> None:
    known = "SELECT database_name FROM duckdb_databases() WHERE NOT readonly AND NOT internal"
    assert rows_of(engine, known) == []
    for table in ("dataset_dp01.dp01_dc2_catalogs.object", "dataset_dp02.dp02_test.object"):
        with pytest.raises((duckdb.Error, QueryError)):
            rows_of(engine, f"DELETE FROM {table}")


def test_only_the_data_set_that_changed_is_written(
    engine: DuckDBEngine, site: Path, datasets: tuple[DataSet, DataSet]
) -> None:
    assert load(datasets, tap_schema_file(site)) == ()
    before = engine.describe()
    (site / "dp02.yaml").write_text(FELIS.replace("name: extra", "name: more"))
    assert load(datasets, tap_schema_file(site)) == ("dp02.duckdb", "tap_schema.duckdb")
    after = engine.describe()
    assert after.table("dp02_test.more") is not None
    assert after.table("dp02_test.extra") is None
    assert after.table("dp01_dc2_catalogs.object") == before.table("dp01_dc2_catalogs.object")


def test_a_data_set_that_is_removed_is_listed_no_more(
    engine: DuckDBEngine, site: Path, datasets: tuple[DataSet, DataSet]
) -> None:
    assert load(datasets[1:], tap_schema_file(site)) == ("tap_schema.duckdb",)
    schemas = [one.name for one in engine.describe().schemas]
    assert schemas == ["dp02_test", "tap_schema"]


def test_a_missing_database_leaves_the_others(engine: DuckDBEngine, site: Path) -> None:
    store = tap_schema_file(site).with_name("dp02.duckdb")
    store.rename(site / "elsewhere")
    catalog = engine.describe()
    assert catalog.table("dp02_test.object") is None
    assert ask("SELECT COUNT(*) FROM object", catalog, engine) == [(600,)]
    (site / "elsewhere").rename(store)
    assert engine.describe().table("dp02_test.object") is not None
    for label in ("dp01", "dp02"):
        tap_schema_file(site).with_name(f"{label}.duckdb").unlink()
    with pytest.raises(ServiceError, match="not loaded"):
        engine.describe()


def test_a_database_that_the_loader_did_not_list_is_left_out(
    engine: DuckDBEngine, site: Path, datasets: tuple[DataSet, DataSet]
) -> None:
    listed = tap_schema_file(site).read_bytes()
    (site / "dp02.yaml").write_text(FELIS.replace("name: extra", "name: more"))
    load(datasets, tap_schema_file(site))
    # As if the loader had been stopped between the two files.
    tap_schema_file(site).write_bytes(listed)
    assert [one.name for one in engine.describe().schemas] == ["dp01_dc2_catalogs", "tap_schema"]


def test_a_data_set_that_cannot_be_loaded_is_said_and_leaves_the_others(
    site: Path, datasets: tuple[DataSet, DataSet]
) -> None:
    shutil.rmtree(site / "parquet2")
    tap_schema_file(site).with_name("dp01.duckdb").unlink()
    with pytest.raises(LoadError, match=r"^dp02: there are no Parquet files in \S*parquet2$"):
        load(datasets, tap_schema_file(site))
    engine = engine_of(site, *datasets)
    assert ask("SELECT COUNT(*) FROM object", engine.describe(), engine) == [(600,)]
    engine.close()


def test_what_was_loaded_before_stays_if_it_cannot_be_loaded_again(
    engine: DuckDBEngine, site: Path, datasets: tuple[DataSet, DataSet]
) -> None:
    (site / "dp02.yaml").unlink()
    with pytest.raises(LoadError, match=r"^dp02: .*dp02\.yaml"):
        load(datasets, tap_schema_file(site))
    assert engine.describe().table("dp02_test.extra") is not None


def test_two_data_sets_cannot_have_the_same_schema(site: Path, parquet: Path) -> None:
    store = tap_schema_file(site).with_name("dp03.duckdb")
    same = (dp02(site), dp01(site, parquet), dp02(site, label="dp03", store=store))
    said = "dp03: the data set dp02 has the schema dp02_test already; each data set needs its own"
    with pytest.raises(LoadError, match=said):
        load(same, tap_schema_file(site))
    assert not store.exists()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"store": "dp01.duckdb"}, r"dp02: the data set dp01 has the file \S*dp01.duckdb already"),
        ({"store": "tap_schema.duckdb"}, "dp02: the service itself has the file"),
        ({"catalog": None}, "dp02: it has a schema, but no folder with Parquet files"),
    ],
)
def test_settings_that_do_not_fit_are_said(
    site: Path, parquet: Path, changed: dict[str, str | None], said: str
) -> None:
    if changed.get("store"):
        changed = {"store": str(tap_schema_file(site).with_name(changed["store"] or ""))}
    with pytest.raises(LoadError, match=said):
        load((dp01(site, parquet), dp02(site, **changed)), tap_schema_file(site))


def test_a_schema_cannot_be_called_tap_schema(site: Path, parquet: Path) -> None:
    (site / "dp02.yaml").write_text(FELIS.replace("name: dp02_test", "name: TAP_Schema"))
    with pytest.raises(LoadError, match="the service itself has the schema TAP_Schema"):
        load((dp01(site, parquet), dp02(site)), tap_schema_file(site))


def test_a_data_set_without_catalogs_is_none_of_ours(site: Path, parquet: Path) -> None:
    images = DataSet(label="images", title="Images", repository=site)
    assert load((images, dp01(site, parquet)), tap_schema_file(site)) == ()
