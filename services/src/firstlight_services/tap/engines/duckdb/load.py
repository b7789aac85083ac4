"""``python -m firstlight_services.tap.engines.duckdb.load``: data sets into databases.

Each data set has a database of its own, with every column of the observatory's schema. One more
has TAP_SCHEMA, which describes them all. Each is written next to its path and renamed once it is
complete, and only those that are out of date are written.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import duckdb

from firstlight_common.runtime import DataSet, load_runtime
from firstlight_services.tap.engines.duckdb.metadata import (
    Metadata,
    read_metadata,
    write_metadata,
)
from firstlight_services.tap.engines.duckdb.parquet import LoadError, first_line, write_table
from firstlight_services.tap.engines.duckdb.spelling import (
    TAP_SCHEMA_DATABASE,
    database_name,
    identifier,
    string,
    table_name,
)
from firstlight_services.tap.engines.duckdb.store import tap_schema_file
from firstlight_services.tap.models import Catalog, Schema
from firstlight_services.tap.schema import TAP_SCHEMA, Row, read_felis, tap_schema_rows

__all__ = ["LoadError", "load", "main"]

_QUIET_SECONDS = 2.0

_Say = Callable[[str], None]


def load(
    datasets: Sequence[DataSet], tap_schema: Path, *, say: _Say = lambda _: None
) -> tuple[str, ...]:
    """Write the databases that are out of date.

    Parameters
    ----------
    datasets
        The site's data sets; those with a schema and a store are loaded.
    tap_schema
        The service's own database.
    say
        Called with each step.

    Returns
    -------
    tuple of str
        The names of the files that were written.

    Raises
    ------
    LoadError
        If a data set cannot be loaded. The others are loaded all the same, and of this one what an
        earlier run loaded stays.
    """
    site = _Site(tap_schema, say)
    for dataset in datasets:
        if dataset.felis is not None and dataset.store is not None:
            site.add(dataset, dataset.felis, dataset.store)
    site.describe()
    if site.problems:
        raise LoadError("; ".join(site.problems))
    return tuple(site.written)


class _Site:
    """The data sets of a site while they are loaded, one by one.

    Attributes
    ----------
    problems
        Why data sets could not be loaded.
    written
        The names of the files that were written.
    """

    def __init__(self, tap_schema: Path, say: _Say) -> None:
        self.problems: list[str] = []
        self.written: list[str] = []
        self._tap_schema = tap_schema
        self._say = say
        self._loaded: list[Metadata] = []
        # By the names of schemas and the paths of files.
        self._owners = dict.fromkeys(("tap_schema", str(tap_schema)), "the service itself")

    def add(self, dataset: DataSet, felis: Path, store: Path) -> None:
        """Load a data set, or note why it cannot be loaded."""
        before: Metadata | None = None
        try:
            self._claim(dataset, str(store), f"the file {store}")
            before = _loaded_before(store, dataset)
            self._loaded.append(self._load(dataset, felis, store, before))
        except (LoadError, duckdb.Error, OSError, ValueError) as error:
            self.problems.append(f"{dataset.label}: {first_line(error)}")
            if before is not None and self._has_schema(dataset, before):
                self._loaded.append(before)

    def describe(self) -> None:
        """Write the service's own database, unless it lists these data sets already."""
        if _read(self._tap_schema, TAP_SCHEMA_DATABASE) == self._loaded:
            return
        schemas = (Schema.from_json(one.schema) for one in self._loaded)
        catalog = Catalog((*schemas, TAP_SCHEMA))
        with _replacing(self._tap_schema, TAP_SCHEMA_DATABASE) as database:
            self._say("writing tap_schema")
            _write_schema(database, TAP_SCHEMA, {})
            for name, rows in tap_schema_rows(catalog):
                table = next(one for one in TAP_SCHEMA.tables if one.name == name)
                _insert(database, table_name(table), rows)
            write_metadata(database, TAP_SCHEMA_DATABASE, self._loaded)
        self.written.append(self._tap_schema.name)

    def _load(
        self, dataset: DataSet, felis: Path, store: Path, before: Metadata | None
    ) -> Metadata:
        if dataset.catalog is None:
            raise LoadError("it has a schema, but no folder with Parquet files")
        files = sorted(dataset.catalog.glob("*.parquet"))
        if not files:
            raise LoadError(f"there are no Parquet files in {dataset.catalog}")
        digest = sha256(felis.read_bytes()).hexdigest()
        if before is not None and before.felis == digest:
            # Reading felis takes longer than everything else together.
            schema = Schema.from_json(before.schema)
        else:
            self._say("reading the schema")
            schema, before = read_felis(felis, dataset.label), None
        self._claim(dataset, schema.name.lower(), f"the schema {schema.name}")
        if before is not None and store.stat().st_mtime > max(one.stat().st_mtime for one in files):
            self._say(f"{store.name} is up to date")
            return before
        known = {table.name: table for table in schema.tables}
        for file in files:
            if file.stem not in known:
                raise LoadError(
                    f"{file.name} is not a table of {schema.name}, which has {', '.join(known)}"
                )
        metadata = Metadata(dataset.label, digest, schema.to_json())
        name = database_name(dataset.label)
        with _replacing(store, name) as database:
            self._say(f"writing {schema.name}")
            _write_schema(database, schema, {file.stem: file for file in files}, self._say)
            write_metadata(database, name, [metadata])
        self.written.append(store.name)
        return metadata

    def _claim(self, dataset: DataSet, name: str, shown: str) -> None:
        """Refuse what another data set has already."""
        mine = f"the data set {dataset.label}"
        owner = self._owners.setdefault(name, mine)
        if owner != mine:
            raise LoadError(f"{shown} already belongs to {owner}; each data set needs its own")

    def _has_schema(self, dataset: DataSet, metadata: Metadata) -> bool:
        """Return whether the schema that was loaded before belongs to no other data set."""
        name = Schema.from_json(metadata.schema).name
        try:
            self._claim(dataset, name.lower(), f"the schema {name}")
        except LoadError:
            return False
        return True


def _loaded_before(store: Path, dataset: DataSet) -> Metadata | None:
    """Return what an earlier run left in a data set's database."""
    found = _read(store, database_name(dataset.label))
    return found[0] if found and found[0].dataset == dataset.label else None


def _read(path: Path, name: str) -> list[Metadata] | None:
    """Return what a database says about itself; None if it is missing or not of this loader."""
    if not path.exists():
        return None
    try:
        with duckdb.connect() as database:
            attached = f"ATTACH {string(str(path))} AS {identifier(name)} (READ_ONLY)"
            database.execute(attached)
            return read_metadata(database, name)
    except duckdb.Error:
        return None


@contextmanager
def _replacing(out: Path, name: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection to a new database of this name, which becomes the file in the end."""
    out.parent.mkdir(parents=True, exist_ok=True)
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


def _write_schema(
    database: duckdb.DuckDBPyConnection,
    schema: Schema,
    files: Mapping[str, Path],
    say: _Say = lambda _: None,
) -> None:
    """Write the tables of a schema; those without a file are empty."""
    for table in schema.tables:
        name = f"{identifier(database_name(table.dataset))}.{identifier(schema.name)}"
        database.execute(f"CREATE SCHEMA IF NOT EXISTS {name}")
        say(f"writing {table.full_name}")
        write_table(database, table, files.get(table.name))


def _insert(database: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Row]) -> None:
    if rows:
        # Written out: DuckDB takes prepared rows one by one, milliseconds each.
        values = ", ".join(f"({', '.join(map(_literal, row))})" for row in rows)
        database.execute(f"INSERT INTO {table} VALUES {values}")  # noqa: S608 (quoted)


def _literal(cell: str | int | None) -> str:
    if cell is None:
        return "NULL"
    return f"{cell:d}" if isinstance(cell, int) else string(cell)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the loader; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m firstlight_services.tap.engines.duckdb.load")
    parser.add_argument("--state-dir", type=Path, required=True, metavar="DIR")
    state_dir: Path = parser.parse_args(argv).state_dir
    start = time.monotonic()

    def say(line: str) -> None:
        if time.monotonic() - start > _QUIET_SECONDS:
            sys.stderr.write(f"catalog: {line}\n")

    try:
        load(load_runtime(state_dir).datasets, tap_schema_file(state_dir), say=say)
    except KeyboardInterrupt:
        sys.stderr.write("catalog: interrupted; the next start will load it.\n")
        return 130
    except (LoadError, ValueError, OSError, duckdb.Error) as error:
        sys.stderr.write(f"catalog: {first_line(error)}.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
