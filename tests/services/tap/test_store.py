from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import duckdb
import pytest

from firstlight_services.tap.errors import QueryError
from firstlight_services.tap.store import DuckStore
from firstlight_services.web import Kind, ServiceError
from tests.services.tap.conftest import rows_of


def run(store: DuckStore, sql: str) -> list[object]:
    return [first for first, *_ in rows_of(store, sql)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/*')",
        "ATTACH '/tmp/other.duckdb'",
        "COPY dp01_dc2_catalogs.object TO '/tmp/stolen.csv'",
        "SET enable_external_access = true",
        "SET GLOBAL threads = 1",
        "RESET lock_configuration",
        "INSTALL httpfs",
        "LOAD httpfs",
        "DELETE FROM dp01_dc2_catalogs.object",
        "CREATE TABLE dp01_dc2_catalogs.mine (i INTEGER)",
        "EXPORT DATABASE '/tmp/stolen'",
    ],
)
def test_even_sql_of_its_own_could_do_no_harm(store: DuckStore, sql: str) -> None:
    with pytest.raises((duckdb.Error, QueryError)):
        run(store, sql)


def test_python_variables_are_no_tables(store: DuckStore) -> None:
    secret = duckdb.sql("SELECT 1")
    assert secret is not None
    with pytest.raises(duckdb.Error):
        run(store, "SELECT * FROM secret")


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT 9223372036854775807 + range FROM range(3)", "out_of_range"),
        ("SELECT CAST('x' || range AS INTEGER) FROM range(3)", "out_of_range"),
        ("SELECT (SELECT unnest([1, 2])) FROM range(3)", "bad_value"),
    ],
)
def test_what_is_the_querys_fault_is_said_without_sql(
    store: DuckStore, sql: str, code: str
) -> None:
    with pytest.raises(QueryError) as caught:
        run(store, sql)
    assert caught.value.code == code
    assert "SELECT" not in caught.value.message


def test_a_query_that_needs_too_much_memory_is_told_so(state: Path, tmp_path: Path) -> None:
    path = tmp_path / "small.duckdb"
    shutil.copy(state / "data" / "catalog" / "dp01.duckdb", path)
    store = DuckStore(path, threads=1, memory=24 * 1024**2)
    with pytest.raises(QueryError) as caught:
        run(store, "SELECT list(range) FROM range(20000000) GROUP BY range % 1000000")
    assert caught.value.code == "too_much_memory"
    store.close()


def test_a_missing_file_is_said_and_found_later(state: Path, tmp_path: Path) -> None:
    path = tmp_path / "later.duckdb"
    store = DuckStore(path, threads=1, memory=256 * 1024**2)
    with pytest.raises(ServiceError) as caught:
        store.catalog()
    assert caught.value.kind is Kind.UNAVAILABLE
    shutil.copy(state / "data" / "catalog" / "dp01.duckdb", path)
    assert store.catalog().table("dp01_dc2_catalogs.object") is not None
    store.close()


def test_a_file_that_is_no_database_is_no_catalog(tmp_path: Path) -> None:
    path = tmp_path / "broken.duckdb"
    path.write_text("no database")
    with pytest.raises(ServiceError, match="not loaded"):
        DuckStore(path, threads=1, memory=256 * 1024**2).catalog()


def test_a_replaced_file_is_read_once_its_readers_are_done(state: Path, tmp_path: Path) -> None:
    path, fresh = tmp_path / "c.duckdb", tmp_path / "fresh.duckdb"
    for one in (path, fresh):
        shutil.copy(state / "data" / "catalog" / "dp01.duckdb", one)
        one.chmod(stat.S_IRUSR | stat.S_IWUSR)
    with duckdb.connect(str(fresh)) as database:
        database.execute("DELETE FROM dp01_dc2_catalogs.object")
    store = DuckStore(path, threads=1, memory=256 * 1024**2)
    count = "SELECT count(*) FROM dp01_dc2_catalogs.object"
    reading = store.cursor()
    os.replace(fresh, path)  # noqa: PTH105
    assert run(store, count) == [600]
    reading.close()
    assert run(store, count) == [0]
    store.close()
