"""The engine's files: where they are, which Parquet files they hold, and how one is replaced."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from firstlight_services.tap.engines.duckdb.spelling import (
    TAP_SCHEMA_DATABASE,
    identifier,
    string,
)

__all__ = ["database_file", "parquet_files", "replacing", "source_of", "tap_schema_file"]

_ENDING = ".duckdb"


def database_file(store: Path) -> Path:
    """Return the path of a data set's database; ``store`` is `DataSet.store`, without an ending."""
    return store.with_name(store.name + _ENDING)


def tap_schema_file(state_dir: Path) -> Path:
    """Return the path of the service's own database, with TAP_SCHEMA and the list of data sets."""
    return database_file(state_dir / "data" / "catalog" / TAP_SCHEMA_DATABASE)


def parquet_files(folder: Path) -> list[Path]:
    """Return the Parquet files of a folder, sorted by name."""
    return sorted(folder.glob("*.parquet"))


def source_of(folder: Path) -> str:
    """Return what identifies the Parquet files of a folder, as JSON, without reading them.

    Notes
    -----
    To be compared for equality. A file that is replaced by an older one is a change, too, so that
    comparing times with that of the database would not do.
    """
    found = [(one.name, one.stat()) for one in parquet_files(folder)]
    files = [[name, status.st_size, status.st_mtime_ns] for name, status in found]
    return json.dumps({"folder": str(folder.resolve()), "files": files})


@contextmanager
def replacing(out: Path, name: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection to a new database of this name, which becomes the file in the end."""
    out.parent.mkdir(parents=True, exist_ok=True)
    # What a killed run left behind; `firstlight up` makes sure that no other run is at work.
    for leftover in out.parent.glob(f".{out.name}.*"):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    spilled = temporary.with_name(f"{temporary.name}.tmp")
    try:
        with duckdb.connect() as database:
            # The service runs as the same user; nobody else has to read it.
            previous = os.umask(0o077)
            try:
                database.execute(f"ATTACH {string(str(temporary))} AS {identifier(name)}")
            finally:
                os.umask(previous)
            database.execute(f"SET temp_directory = {string(str(spilled))}")
            # Parquet's statistics omit NaN, from which DuckDB concludes that nothing is NaN.
            database.execute("SET disabled_optimizers = 'statistics_propagation'")
            database.execute("BEGIN")
            yield database
            database.execute("COMMIT")
            database.execute(f"CHECKPOINT {identifier(name)}")
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
        temporary.with_name(f"{temporary.name}.wal").unlink(missing_ok=True)
        shutil.rmtree(spilled, ignore_errors=True)
