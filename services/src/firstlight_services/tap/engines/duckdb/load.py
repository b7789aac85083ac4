"""``python -m firstlight_services.tap.engines.duckdb.load``: data sets into databases.

Each data set has a database of its own, with every column of the observatory's schema. One more
has TAP_SCHEMA, which describes them all. Each is written next to its path and renamed once it is
complete, and only those that are out of date are written.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import duckdb

from firstlight_common.runtime import DataSet, load_runtime
from firstlight_services.tap.engines.duckdb.errors import first_line
from firstlight_services.tap.engines.duckdb.files import (
    database_file,
    parquet_files,
    replacing,
    source_of,
    tap_schema_file,
)
from firstlight_services.tap.engines.duckdb.metadata import (
    Failure,
    Metadata,
    read_failures,
    read_file,
    read_metadata,
    write_failures,
    write_metadata,
)
from firstlight_services.tap.engines.duckdb.parquet import LoadError, write_schema
from firstlight_services.tap.engines.duckdb.spelling import (
    TAP_SCHEMA_DATABASE,
    database_name,
    string,
    table_name,
)
from firstlight_services.tap.models import Catalog, Schema
from firstlight_services.tap.schema import TAP_SCHEMA, Row, read_felis, tap_schema_rows

__all__ = ["LoadError", "Loaded", "load", "main"]

_QUIET_SECONDS = 2.0

_Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one run of the loader did.

    Attributes
    ----------
    written
        The names of the files that were written.
    failures
        A line for each data set that could not be loaded; a sentence without its full stop.
    """

    written: tuple[str, ...]
    failures: tuple[str, ...] = ()


def load(datasets: Sequence[DataSet], tap_schema: Path, *, say: _Say = lambda _: None) -> Loaded:
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
    Loaded
        What was written, and what could not be loaded. Such a data set leaves the others available,
        and of its own what an earlier run loaded.

    Raises
    ------
    LoadError
        If no data set can be served, although there are some with catalogs.
    """
    site = _Site(tap_schema, say)
    for dataset in datasets:
        if dataset.felis is not None and dataset.store is not None:
            site.add(dataset, dataset.felis, database_file(dataset.store))
    site.describe()
    failures = tuple(map(site.told, site.failures))
    if failures and not site.loaded:
        raise LoadError("\n".join(failures))
    return Loaded(tuple(site.written), failures)


class _Site:
    """The data sets of a site while they are loaded, one by one.

    Attributes
    ----------
    failures
        The data sets that could not be loaded.
    loaded
        The data sets that can be served: now, or earlier, and not replaced.
    written
        The names of the files that were written.
    """

    def __init__(self, tap_schema: Path, say: _Say) -> None:
        self.failures: list[Failure] = []
        self.loaded: list[Metadata] = []
        self.written: list[str] = []
        self._tap_schema = tap_schema
        self._say = say
        # By the names of schemas and the paths of files.
        self._owners = dict.fromkeys(("tap_schema", str(tap_schema)), "the service itself")

    def add(self, dataset: DataSet, felis: Path, store: Path) -> None:
        """Load a data set, or note why it cannot be loaded."""
        before: Metadata | None = None
        try:
            self._claim(dataset, str(store), f"the file {store}")
            before = _loaded_before(store, dataset)
            self.loaded.append(self._load(dataset, felis, store, before))
        except (LoadError, duckdb.Error, OSError, ValueError) as error:
            self.failures.append(Failure(dataset.label, first_line(error)))
            if before is not None and self._has_schema(dataset, before):
                self.loaded.append(before)

    def told(self, failure: Failure) -> str:
        """Return the line for the operator about a data set that could not be loaded."""
        kept = any(one.dataset == failure.dataset for one in self.loaded)
        now = "queries get what was loaded earlier" if kept else "its catalogs are unavailable"
        then = "until you fix this and start the platform again"
        return f"{failure.dataset}: {failure.reason}; {now} {then}"

    def describe(self) -> None:
        """Write the service's own database, unless it says the same already."""
        if _read_site(self._tap_schema) == (self.loaded, self.failures):
            return
        schemas = (Schema.from_json(one.schema) for one in self.loaded)
        catalog = Catalog((*schemas, TAP_SCHEMA))
        with replacing(self._tap_schema, TAP_SCHEMA_DATABASE) as database:
            self._say("writing tap_schema")
            write_schema(database, TAP_SCHEMA, {}, lambda _: None)
            for name, rows in tap_schema_rows(catalog):
                table = next(one for one in TAP_SCHEMA.tables if one.name == name)
                _insert(database, table_name(table), rows)
            write_metadata(database, TAP_SCHEMA_DATABASE, self.loaded)
            write_failures(database, TAP_SCHEMA_DATABASE, self.failures)
        self.written.append(self._tap_schema.name)

    def _load(
        self, dataset: DataSet, felis: Path, store: Path, before: Metadata | None
    ) -> Metadata:
        if dataset.catalog is None:
            raise LoadError("it has a schema, but no folder with Parquet files")
        # Before they are read: a file that is replaced meanwhile is noticed by the next run.
        source = source_of(dataset.catalog)
        files = parquet_files(dataset.catalog)
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
        if before is not None and before.source == source:
            self._say(f"{store.name} is up to date")
            return before
        known = {table.name: table for table in schema.tables}
        for file in files:
            if file.stem not in known:
                raise LoadError(
                    f"{file.name} is not a table of {schema.name}, which has {', '.join(known)}"
                )
        name = database_name(dataset.label)
        with replacing(store, name) as database:
            self._say(f"writing {schema.name}")
            schema = write_schema(database, schema, {file.stem: file for file in files}, self._say)
            metadata = Metadata(dataset.label, digest, source, schema.to_json())
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
    name = database_name(dataset.label)
    found = read_file(store, name, read_metadata)
    return found[0] if found and found[0].dataset == dataset.label else None


def _read_site(tap_schema: Path) -> tuple[list[Metadata], list[Failure]] | None:
    """Return what the service's own database says about the data sets."""
    return read_file(
        tap_schema,
        TAP_SCHEMA_DATABASE,
        lambda database, name: (read_metadata(database, name), read_failures(database, name)),
    )


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
        datasets = load_runtime(state_dir).datasets
        failures, code = load(datasets, tap_schema_file(state_dir), say=say).failures, 0
    except KeyboardInterrupt:
        sys.stderr.write("catalog: interrupted; the next start will load it.\n")
        return 130
    except LoadError as error:
        failures, code = tuple(str(error).splitlines()), 1
    except (ValueError, OSError, duckdb.Error) as error:
        failures, code = (first_line(error),), 1
    sys.stderr.writelines(f"catalog: {failure}.\n" for failure in failures)
    return code


if __name__ == "__main__":
    sys.exit(main())
