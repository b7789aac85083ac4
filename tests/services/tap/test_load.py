from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firstlight_common.runtime import DataSet
from firstlight_hub.describe import sample_felis
from firstlight_services.tap.engines.duckdb import tap_schema_file
from firstlight_services.tap.engines.duckdb.load import LoadError, load, main
from firstlight_services.tap.models import Catalog, Schema, Type
from firstlight_services.tap.schema import read_felis
from tests.services.tap.conftest import copied, dp01, write_runtime

BOTH = ("dp01.duckdb", "tap_schema.duckdb")


@pytest.fixture
def site(parquet: Path, state: Path, tmp_path: Path) -> Path:
    """A state directory whose database is of other Parquet files: its schema is known."""
    shutil.copytree(parquet, tmp_path / "parquet")
    copied(state, tmp_path)
    write_runtime(tmp_path, dp01(tmp_path, tmp_path / "parquet"))
    return tmp_path


def store_of(state: Path) -> Path:
    return tap_schema_file(state).with_name("dp01.duckdb")


def load_site(state: Path) -> tuple[str, ...]:
    return load([dp01(state, state / "parquet")], tap_schema_file(state)).written


def ask(path: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path), read_only=True) as database:
        found: list[tuple[object, ...]] = database.execute(sql).fetchall()
        return found


def test_the_catalog_is_the_observatorys_schema(catalog: Catalog) -> None:
    schema = catalog.schemas[0]
    felis = sample_felis()
    assert felis is not None
    described = read_felis(felis, "dp01")
    # Only where the data are comes from the data.
    without = tuple(replace(one, coverage=None) for one in schema.tables)
    assert replace(schema, tables=without) == described
    assert [table.name for table in schema.tables] == [
        "object", "truth_match", "position", "reference", "forced_photometry",
    ]  # fmt: skip
    assert [len(table.columns) for table in schema.tables] == [137, 30, 29, 236, 747]
    ra = next(one for one in schema.tables[0].columns if one.name == "ra")
    assert (ra.type, ra.unit, ra.ucd, ra.indexed) == (Type.DOUBLE, "deg", "pos.eq.ra", True)


def test_the_description_survives_json(catalog: Catalog) -> None:
    schema = catalog.schemas[0]
    assert Schema.from_json(schema.to_json()) == schema


def test_every_column_is_there_and_typed(state: Path, catalog: Catalog) -> None:
    rows = ask(store_of(state), "DESCRIBE dp01_dc2_catalogs.object")
    table = catalog.table("dp01_dc2_catalogs.object")
    assert table is not None
    assert [row[0] for row in rows] == [one.name for one in table.columns]
    kinds = {row[0]: row[1] for row in rows}
    assert (kinds["ra"], kinds["clean"], kinds["mag_g"]) == ("DOUBLE", "BOOLEAN", "DOUBLE")
    assert ask(store_of(state), "SELECT count(mag_g), count(*) FROM dp01_dc2_catalogs.object") == [
        (0, 600)
    ]
    assert ask(store_of(state), "SELECT count(*) FROM dp01_dc2_catalogs.reference") == [(0,)]


def test_what_is_no_number_becomes_null(state: Path) -> None:
    sql = "SELECT count(mag_i), count(*) FILTER (isnan(mag_i)) FROM dp01_dc2_catalogs.object"
    assert ask(store_of(state), sql) == [(570, 0)]


def test_rows_lie_by_position(state: Path) -> None:
    stripes = [row[0] for row in ask(
        store_of(state), "SELECT floor(dec / 0.1) FROM dp01_dc2_catalogs.object ORDER BY rowid"
    )]  # fmt: skip
    assert stripes == sorted(stripes)  # type: ignore[type-var]


def test_tap_schema_describes_itself_too(state: Path) -> None:
    tables = ask(tap_schema_file(state), "SELECT table_name FROM tap_schema.tap_schema.tables")
    assert ("tap_schema.key_columns",) in tables
    assert len(tables) == 10
    described = ask(
        tap_schema_file(state),
        "SELECT datatype, unit, ucd, indexed FROM tap_schema.tap_schema.columns "
        "WHERE table_name = 'dp01_dc2_catalogs.object' AND column_name = 'dec'",
    )
    assert described == [("double", "deg", "pos.eq.dec", 1)]


def test_only_their_owner_can_read_the_files(state: Path) -> None:
    for path in (store_of(state), tap_schema_file(state)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_only_what_is_out_of_date_is_written(site: Path) -> None:
    assert load_site(site) == BOTH
    assert load_site(site) == ()
    tap_schema_file(site).unlink()
    assert load_site(site) == ("tap_schema.duckdb",)
    store_of(site).write_text("no database")
    assert load_site(site) == ("dp01.duckdb",)
    assert [one.name for one in tap_schema_file(site).parent.glob(".*")] == []


def count(state: Path, table: str) -> object:
    ((found,),) = ask(store_of(state), f"SELECT count(*) FROM dp01_dc2_catalogs.{table}")
    return found


def make_older(folder: Path) -> None:
    """Make all files older than any database."""
    for file in folder.glob("*.parquet"):
        os.utime(file, (1, 1))


def test_another_folder_is_noticed_even_if_its_files_are_older(site: Path) -> None:
    load_site(site)
    other = site / "other"
    shutil.copytree(site / "parquet", other)
    table = pq.read_table(other / "object.parquet")
    pq.write_table(table.slice(0, 7), other / "object.parquet")
    make_older(other)
    assert load([dp01(site, other)], tap_schema_file(site)).written == BOTH
    assert count(site, "object") == 7


def test_a_file_that_an_older_one_replaced_is_noticed(site: Path) -> None:
    load_site(site)
    table = pq.read_table(site / "parquet" / "object.parquet")
    pq.write_table(table.slice(0, 7), site / "parquet" / "object.parquet")
    make_older(site / "parquet")
    assert load_site(site) == BOTH
    assert count(site, "object") == 7
    assert load_site(site) == ()


def test_a_file_of_the_same_size_is_noticed_by_its_time(site: Path) -> None:
    load_site(site)
    make_older(site / "parquet")
    assert load_site(site) == BOTH


def test_a_file_that_is_deleted_is_noticed(site: Path) -> None:
    load_site(site)
    assert count(site, "truth_match") == 200
    (site / "parquet" / "truth_match.parquet").unlink()
    assert load_site(site) == BOTH
    assert count(site, "truth_match") == 0


def test_a_link_to_the_same_folder_is_no_change(site: Path) -> None:
    load_site(site)
    (site / "link").symlink_to(site / "parquet")
    assert load([dp01(site, site / "link")], tap_schema_file(site)).written == ()


_PROGRESS = "catalog: writing "


def replace_column(folder: Path, name: str, values: pa.Array) -> None:
    table = pq.read_table(folder / "object.parquet")
    if name in table.column_names:
        table = table.drop_columns(name)
    pq.write_table(table.append_column(name, values), folder / "object.parquet")


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("mag_q", pa.array([1.0] * 600), "dp01_dc2_catalogs.object has no column mag_q"),
        ("RA", pa.array([1.0] * 600), "has no column RA"),
        ("clean", pa.array([1] * 600), "the column clean is BIGINT, but should be BOOLEAN"),
        ("patch", pa.array([1] * 600), "the column patch is BIGINT, but should be VARCHAR"),
        ("ra", pa.array([-1.0] * 600), "600 rows have a right ascension outside"),
    ],
)
def test_a_file_that_does_not_fit_is_named(
    site: Path, name: str, values: pa.Array, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = store_of(site).read_bytes()
    replace_column(site / "parquet", name, values)
    # What an earlier run loaded can still be served.
    assert main(["--state-dir", str(site)]) == 0
    # Loading that takes a while also says what it is doing.
    (error,) = [
        line for line in capsys.readouterr().err.splitlines() if not line.startswith(_PROGRESS)
    ]
    assert error.startswith("catalog: dp01: object.parquet: ")
    assert said in error
    assert error.endswith(
        "; queries get what was loaded earlier until you fix this and start the platform again."
    )
    assert store_of(site).read_bytes() == before
    assert [one.name for one in store_of(site).parent.glob(".*")] == []


def test_the_program_fails_if_no_catalog_can_be_served(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store_of(site).unlink()
    shutil.rmtree(site / "parquet")
    assert main(["--state-dir", str(site)]) == 1
    assert capsys.readouterr().err == (
        f"catalog: dp01: there are no Parquet files in {site / 'parquet'}; its catalogs are "
        "unavailable until you fix this and start the platform again.\n"
    )
    write_runtime(site, DataSet(label="images", title="Images", repository=site))
    assert main(["--state-dir", str(site)]) == 0


def test_other_files_are_named(site: Path) -> None:
    store_of(site).unlink()
    folder = site / "parquet"
    (folder / "object.parquet").write_text("no parquet")
    with pytest.raises(LoadError, match=r"dp01: object\.parquet cannot be read"):
        load_site(site)
    shutil.move(folder / "object.parquet", folder / "galaxies.parquet")
    with pytest.raises(LoadError, match=r"galaxies\.parquet is not a table of dp01_dc2_catalogs"):
        load_site(site)
    shutil.rmtree(folder)
    with pytest.raises(LoadError, match="no Parquet files"):
        load_site(site)


def test_the_program_says_nothing_if_it_is_quick(site: Path) -> None:
    command = [sys.executable, "-m", "firstlight_services.tap.engines.duckdb.load"]
    done = subprocess.run([*command, "--state-dir", str(site)], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_program_names_a_missing_runtime_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--state-dir", str(tmp_path)]) == 1
    assert "runtime.json" in capsys.readouterr().err


SERVER = """
import asyncio, pkgutil, sys
from pathlib import Path
import firstlight_services.tap
from firstlight_services.tap.app import make_app
from firstlight_services.tap.component import COMPONENT
from firstlight_services.tap.formats import choose
from firstlight_services.tap.service import QueryRequest
from firstlight_services.web.testing import FakeHub
from tests.services.tap.conftest import tap_context

async def main():
    service = make_app(tap_context(Path(sys.argv[1]), FakeHub(), {})).service
    await service.warm_up()
    await service.tables(None)
    answer = await service.start(QueryRequest("SELECT TOP 1 ra, patch FROM object", choose(None)))
    while await answer.next():
        pass
    answer.close()
    service.close()

asyncio.run(main())
for module in pkgutil.walk_packages(firstlight_services.tap.__path__, "firstlight_services.tap."):
    if not module.name.endswith("__main__"):
        __import__(module.name)
print([name for name in sys.modules if name.partition(".")[0] in ("felis", "lsst", "sqlalchemy")])
"""


def test_the_server_never_imports_felis(state: Path) -> None:
    # Its licence is the GPL: it runs in the loader's process, which ends, and nowhere else.
    done = subprocess.run(
        [sys.executable, "-c", SERVER, str(state)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
