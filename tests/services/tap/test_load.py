from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firstlight_services.tap.load import LoadError, load, main
from firstlight_services.tap.models import Catalog, Type
from firstlight_services.tap.schema import packaged_felis, read_felis

OUT = Path("data/catalog/dp01.duckdb")


@pytest.fixture
def folder(parquet: Path, state: Path, tmp_path: Path) -> Path:
    """Parquet files, and a database that is older than they are: its schema is known already."""
    shutil.copytree(parquet, tmp_path / "parquet")
    shutil.copy(state / OUT, tmp_path / "out.duckdb")
    os.utime(tmp_path / "out.duckdb", (1, 1))
    return tmp_path / "parquet"


def ask(path: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path), read_only=True) as database:
        return database.execute(sql).fetchall()


def test_the_catalog_is_the_observatorys_schema(catalog: Catalog) -> None:
    schema = catalog.schemas[0]
    assert schema == read_felis(packaged_felis())
    assert [table.name for table in schema.tables] == [
        "object", "truth_match", "position", "reference", "forced_photometry",
    ]  # fmt: skip
    assert [len(table.columns) for table in schema.tables] == [137, 30, 29, 236, 747]
    ra = next(one for one in schema.tables[0].columns if one.name == "ra")
    assert (ra.type, ra.unit, ra.ucd, ra.indexed) == (Type.DOUBLE, "deg", "pos.eq.ra", True)


def test_the_description_survives_json(catalog: Catalog) -> None:
    assert Catalog.from_json(catalog.to_json()) == catalog


def test_every_column_is_there_and_typed(state: Path, catalog: Catalog) -> None:
    rows = ask(state / OUT, "DESCRIBE dp01_dc2_catalogs.object")
    table = catalog.table("dp01_dc2_catalogs.object")
    assert table is not None
    assert [row[0] for row in rows] == [one.name for one in table.columns]
    kinds = {row[0]: row[1] for row in rows}
    assert (kinds["ra"], kinds["clean"], kinds["mag_g"]) == ("DOUBLE", "BOOLEAN", "DOUBLE")
    assert ask(state / OUT, "SELECT count(mag_g), count(*) FROM dp01_dc2_catalogs.object") == [
        (0, 600)
    ]
    assert ask(state / OUT, "SELECT count(*) FROM dp01_dc2_catalogs.reference") == [(0,)]


def test_what_is_no_number_becomes_null(state: Path) -> None:
    sql = "SELECT count(mag_i), count(*) FILTER (isnan(mag_i)) FROM dp01_dc2_catalogs.object"
    assert ask(state / OUT, sql) == [(570, 0)]


def test_rows_lie_by_position(state: Path) -> None:
    stripes = [row[0] for row in ask(
        state / OUT, "SELECT floor(dec / 0.1) FROM dp01_dc2_catalogs.object ORDER BY rowid"
    )]  # fmt: skip
    assert stripes == sorted(stripes)  # type: ignore[type-var]


def test_tap_schema_describes_itself_too(state: Path) -> None:
    tables = ask(state / OUT, "SELECT table_name FROM tap_schema.tables")
    assert ("tap_schema.key_columns",) in tables
    assert len(tables) == 10
    described = ask(
        state / OUT,
        "SELECT datatype, unit, ucd, indexed FROM tap_schema.columns "
        "WHERE table_name = 'dp01_dc2_catalogs.object' AND column_name = 'dec'",
    )
    assert described == [("double", "deg", "pos.eq.dec", 1)]


def test_only_its_owner_can_read_the_file(state: Path) -> None:
    assert stat.S_IMODE((state / OUT).stat().st_mode) == 0o600


def test_a_database_that_is_newer_is_left_alone(folder: Path) -> None:
    out = folder.parent / "out.duckdb"
    assert load(folder, out)
    assert not load(folder, out)
    os.utime(folder / "object.parquet")
    os.utime(out, (1, 1))
    assert load(folder, out)
    assert [one.name for one in folder.parent.glob(".*")] == []


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
    folder: Path, name: str, values: pa.Array, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder.parent / "out.duckdb"
    before = out.read_bytes()
    replace_column(folder, name, values)
    assert main(["--parquet", str(folder), "--out", str(out)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("catalog: object.parquet: ")
    assert said in error
    assert error.count("\n") == 1
    assert out.read_bytes() == before
    assert list(folder.parent.glob(".*")) == []


def test_other_files_are_named(folder: Path, tmp_path: Path) -> None:
    out = folder.parent / "out.duckdb"
    (folder / "object.parquet").write_text("no parquet")
    with pytest.raises(LoadError, match=r"object\.parquet cannot be read"):
        load(folder, out)
    shutil.move(folder / "object.parquet", folder / "galaxies.parquet")
    with pytest.raises(LoadError, match=r"galaxies\.parquet is no table of dp01_dc2_catalogs"):
        load(folder, out)
    with pytest.raises(LoadError, match="no Parquet files"):
        load(tmp_path / "nowhere", out)


def test_the_program_says_nothing_if_it_is_quick(folder: Path) -> None:
    out = folder.parent / "out.duckdb"
    command = [sys.executable, "-m", "firstlight_services.tap.load"]
    done = subprocess.run(
        [*command, "--parquet", str(folder), "--out", str(out)], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


SERVER = """
import asyncio, pkgutil, sys
from pathlib import Path
import firstlight_services.tap
from firstlight_services.tap.app import make_app
from firstlight_services.tap.component import COMPONENT
from firstlight_services.tap.formats import choose
from firstlight_services.tap.service import QueryRequest
from firstlight_services.tap.settings import TapSettings
from firstlight_services.web.testing import FakeHub, make_context

async def main():
    context = make_context(Path(sys.argv[1]), COMPONENT, TapSettings, FakeHub())
    service = make_app(context).service
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
