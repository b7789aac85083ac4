from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from firstlight_services.tap.engines.duckdb import DuckDBEngine, tap_schema_file
from firstlight_services.tap.errors import QueryError
from firstlight_services.web import Kind, ServiceError
from tests.services.tap.conftest import copied, engine_of, rows_of


def run(engine: DuckDBEngine, sql: str) -> list[object]:
    return [first for first, *_ in rows_of(engine, sql)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/*')",
        "ATTACH '/tmp/other.duckdb'",
        "COPY dataset_dp01.dp01_dc2_catalogs.object TO '/tmp/stolen.csv'",
        "SET enable_external_access = true",
        "SET GLOBAL threads = 1",
        "RESET lock_configuration",
        "INSTALL httpfs",
        "LOAD httpfs",
        "DELETE FROM dataset_dp01.dp01_dc2_catalogs.object",
        "CREATE TABLE dataset_dp01.dp01_dc2_catalogs.mine (i INTEGER)",
        "CREATE TABLE tap_schema.tap_schema.mine (i INTEGER)",
        "EXPORT DATABASE '/tmp/stolen'",
    ],
)
def test_even_sql_of_its_own_could_do_no_harm(engine: DuckDBEngine, sql: str) -> None:
    with pytest.raises((duckdb.Error, QueryError)):
        run(engine, sql)


def test_python_variables_are_no_tables(engine: DuckDBEngine) -> None:
    secret = duckdb.sql("SELECT 1")
    assert secret is not None
    with pytest.raises(duckdb.Error):
        run(engine, "SELECT * FROM secret")


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT 9223372036854775807 + range FROM range(3)", "out_of_range"),
        ("SELECT CAST('x' || range AS INTEGER) FROM range(3)", "out_of_range"),
        ("SELECT (SELECT unnest([1, 2])) FROM range(3)", "bad_value"),
    ],
)
def test_what_is_the_querys_fault_is_said_without_sql(
    engine: DuckDBEngine, sql: str, code: str
) -> None:
    with pytest.raises(QueryError) as caught:
        run(engine, sql)
    assert caught.value.code == code
    assert "SELECT" not in caught.value.message


def test_a_query_that_needs_too_much_memory_is_told_so(state: Path, tmp_path: Path) -> None:
    engine = engine_of(copied(state, tmp_path), memory=24 * 1024**2)
    with pytest.raises(QueryError) as caught:
        run(engine, "SELECT list(range) FROM range(20000000) GROUP BY range % 1000000")
    assert caught.value.code == "too_much_memory"
    engine.close()


def test_missing_files_are_said_and_found_later(state: Path, tmp_path: Path) -> None:
    engine = engine_of(tmp_path)
    with pytest.raises(ServiceError) as caught:
        engine.describe()
    assert caught.value.kind is Kind.UNAVAILABLE
    copied(state, tmp_path)
    assert engine.describe().table("dp01_dc2_catalogs.object") is not None
    engine.close()


def test_a_file_that_is_no_database_is_no_catalog(tmp_path: Path) -> None:
    tap_schema_file(tmp_path).parent.mkdir(parents=True)
    tap_schema_file(tmp_path).write_text("no database")
    with pytest.raises(ServiceError, match="not loaded"):
        engine_of(tmp_path).describe()


def test_a_replaced_file_is_read_once_its_readers_are_done(state: Path, tmp_path: Path) -> None:
    path, fresh = (
        tap_schema_file(copied(state, tmp_path)).with_name("dp01.duckdb"),
        tmp_path / "new",
    )
    shutil.copy(path, fresh)
    with duckdb.connect(str(fresh)) as database:
        database.execute("DELETE FROM dp01_dc2_catalogs.object")
    engine = engine_of(tmp_path)
    count = "SELECT count(*) FROM dataset_dp01.dp01_dc2_catalogs.object"
    reading = engine.cursor()
    fresh.replace(path)
    assert run(engine, count) == [600]
    reading.close()
    assert run(engine, count) == [0]
    engine.close()


def test_wide_rows_come_in_small_batches_and_complete(engine: DuckDBEngine) -> None:
    cursor = engine.cursor()
    cursor.start("SELECT range, repeat('x', 4000) FROM range(20000)", 1)
    batches = []
    while (batch := cursor.next()) is not None:
        batches.append(batch)
    cursor.close()

    assert max(batch.nbytes for batch in batches) <= 17 * 1024**2
    assert [n for batch in batches for n in batch.column(0).to_pylist()] == list(range(20000))
