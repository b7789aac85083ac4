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
from firstlight_services.tap.engines.duckdb.load import Loaded, load, main
from firstlight_services.tap.errors import QueryError
from firstlight_services.web import ServiceError
from tests.services.tap.conftest import ask, copied, dp01, engine_of, rows_of, write_runtime

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
        "store": tap_schema_file(state).with_name("dp02"),
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
    assert load(datasets, tap_schema_file(site)).written == ("dp02.duckdb", "tap_schema.duckdb")
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
    assert load(datasets, tap_schema_file(site)) == Loaded(())
    before = engine.describe()
    (site / "dp02.yaml").write_text(FELIS.replace("name: extra", "name: more"))
    assert load(datasets, tap_schema_file(site)).written == ("dp02.duckdb", "tap_schema.duckdb")
    after = engine.describe()
    assert after.table("dp02_test.more") is not None
    assert after.table("dp02_test.extra") is None
    assert after.table("dp01_dc2_catalogs.object") == before.table("dp01_dc2_catalogs.object")


def test_a_data_set_that_is_removed_is_listed_no_more(
    engine: DuckDBEngine, site: Path, datasets: tuple[DataSet, DataSet]
) -> None:
    assert load(datasets[1:], tap_schema_file(site)).written == ("tap_schema.duckdb",)
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


KEPT = "; queries get what was loaded earlier until you fix this and start the platform again"
LOST = "; its catalogs are unavailable until you fix this and start the platform again"


def test_a_data_set_that_cannot_be_loaded_is_said_and_leaves_the_others(
    site: Path,
    datasets: tuple[DataSet, DataSet],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    shutil.rmtree(site / "parquet2")
    tap_schema_file(site).with_name("dp01.duckdb").unlink()
    write_runtime(site, *datasets)
    assert main(["--state-dir", str(site)]) == 0
    reason = f"there are no Parquet files in {site / 'parquet2'}"
    # If it takes long, it also says what it does.
    assert capsys.readouterr().err.endswith(f"catalog: dp02: {reason}{LOST}.\n")
    engine = engine_of(site, *datasets)
    assert ask("SELECT COUNT(*) FROM object", engine.describe(), engine) == [(600,)]
    assert engine.missing() == ("dp02",)
    assert caplog.messages == [f"data set dp02 is unavailable: {reason}"]
    engine.close()


def test_what_was_loaded_before_stays_if_it_cannot_be_loaded_again(
    engine: DuckDBEngine,
    site: Path,
    datasets: tuple[DataSet, DataSet],
    caplog: pytest.LogCaptureFixture,
) -> None:
    (site / "dp02.yaml").unlink()
    loaded = load(datasets, tap_schema_file(site))
    assert loaded.written == ("tap_schema.duckdb",)
    (failure,) = loaded.failures
    assert failure.startswith("dp02: ")
    assert failure.endswith(f"dp02.yaml'{KEPT}")
    assert engine.describe().table("dp02_test.extra") is not None
    assert engine.missing() == ()
    (warning,) = caplog.messages
    assert warning.startswith("data set dp02 is served as loaded earlier: ")
    # The failure is over, and with it the warning.
    (site / "dp02.yaml").write_text(FELIS)
    assert load(datasets, tap_schema_file(site)) == Loaded(("tap_schema.duckdb",))
    caplog.clear()
    engine.describe()
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("felis", "said"),
    [
        ("{", "cannot be read: while parsing"),
        ("", "is not a Felis schema: TypeError: "),
        ("description: nameless", "is not a Felis schema: KeyError: 'name'"),
        ("name: only", "is not a Felis schema: tables: Field required"),
        (FELIS.replace("datatype: int,", "datatype: timestamp,"), "the unknown type timestamp"),
    ],
)
def test_a_felis_file_that_is_wrong_is_named(
    site: Path, datasets: tuple[DataSet, DataSet], felis: str, said: str
) -> None:
    (site / "dp02.yaml").write_text(felis)
    (failure,) = load(datasets, tap_schema_file(site)).failures
    assert failure.startswith(f"dp02: {site / 'dp02.yaml'} ")
    assert said in failure
    assert failure.endswith(LOST)


def test_a_data_set_that_was_never_loaded_is_logged(
    site: Path, datasets: tuple[DataSet, DataSet], caplog: pytest.LogCaptureFixture
) -> None:
    engine = engine_of(site, *datasets)
    assert engine.missing() == ("dp02",)
    assert caplog.messages == ["data set dp02 is unavailable: it has not been loaded"]
    engine.close()


def test_two_data_sets_cannot_have_the_same_schema(site: Path, parquet: Path) -> None:
    store = tap_schema_file(site).with_name("dp03")
    same = (dp02(site), dp01(site, parquet), dp02(site, label="dp03", store=store))
    assert load(same, tap_schema_file(site)).failures == (
        "dp03: the schema dp02_test already belongs to the data set dp02; each data set needs its "
        f"own{LOST}",
    )
    assert not store.with_name("dp03.duckdb").exists()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"store": "dp01"}, "/dp01.duckdb already belongs to the data set dp01"),
        ({"store": "tap_schema"}, "/tap_schema.duckdb already belongs to the service itself"),
        ({"catalog": None}, "dp02: it has a schema, but no folder with Parquet files"),
    ],
)
def test_settings_that_do_not_fit_are_said(
    site: Path, parquet: Path, changed: dict[str, str | None], said: str
) -> None:
    if changed.get("store"):
        changed = {"store": str(tap_schema_file(site).with_name(changed["store"] or ""))}
    (failure,) = load((dp01(site, parquet), dp02(site, **changed)), tap_schema_file(site)).failures
    assert failure.startswith("dp02: ")
    assert said in failure


def test_a_schema_cannot_be_called_tap_schema(site: Path, parquet: Path) -> None:
    (site / "dp02.yaml").write_text(FELIS.replace("name: dp02_test", "name: TAP_Schema"))
    (failure,) = load((dp01(site, parquet), dp02(site)), tap_schema_file(site)).failures
    assert "the schema TAP_Schema already belongs to the service itself" in failure


def test_a_data_set_without_catalogs_is_none_of_ours(site: Path, parquet: Path) -> None:
    images = DataSet(label="images", title="Images", repository=site)
    assert load((images, dp01(site, parquet)), tap_schema_file(site)) == Loaded(())
