"""``python -m firstlight_services.tap.load``: Parquet files into the catalog's database.

The database has every column of the observatory's schema, typed by it; those that the files lack
are NULL. It is written beside its place and renamed when it is whole.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import duckdb

from firstlight_services.tap.emit.duckdb import TYPES, identifier, text
from firstlight_services.tap.models import METADATA_TABLE, Catalog, Column, Schema, Table, Type
from firstlight_services.tap.schema import (
    TAP_SCHEMA,
    packaged_felis,
    read_felis,
    tap_schema_rows,
)

__all__ = ["VERSION", "LoadError", "load", "main"]

VERSION = "1"
"""Of what is written; a database of another version is written anew."""

_QUIET_SECONDS = 2.0
_STRIPE = 0.1
"""Degrees: rows are sorted by stripes of declination and, in each, by right ascension."""

_ALLOWED = {
    Type.BOOLEAN: {"BOOLEAN"},
    Type.SHORT: {"TINYINT", "SMALLINT", "UTINYINT"},
    Type.INT: {"TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT"},
    Type.LONG: {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"},
    Type.FLOAT: {"FLOAT"},
    Type.DOUBLE: {"FLOAT", "DOUBLE"},
    Type.CHAR: {"VARCHAR"},
    Type.UNICODE: {"VARCHAR"},
}


class LoadError(Exception):
    """Files that do not fit the schema; the text is a sentence."""


def load(
    parquet: Path,
    out: Path,
    *,
    felis: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> bool:
    """Write the database, unless it is newer than the files and of this loader's version.

    Parameters
    ----------
    parquet
        Folder with ``<table>.parquet`` for some or all of the tables.
    out
        The DuckDB file.
    felis
        The schema; by default the packaged one of DP0.1.
    say
        Told what is being done.

    Returns
    -------
    bool
        Whether it was written.

    Raises
    ------
    LoadError
        If a file, or one of its columns, does not fit the schema.
    """
    felis = felis or packaged_felis()
    files = sorted(parquet.glob("*.parquet"))
    if not files:
        raise LoadError(f"there are no Parquet files in {parquet}")
    digest = sha256(felis.read_bytes()).hexdigest()
    schema = _schema_in(out, digest)
    if schema is not None and out.stat().st_mtime > max(one.stat().st_mtime for one in files):
        say(f"{out.name} is up to date")
        return False
    if schema is None:
        say("reading the schema")
        schema = read_felis(felis)
    known = {table.name: table for table in schema.tables}
    for file in files:
        if file.stem not in known:
            raise LoadError(f"{file.name} is no table of {schema.name}: {', '.join(known)}")
    out.parent.mkdir(parents=True, exist_ok=True)
    by_table = {file.stem: file for file in files}
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        _write(temporary, Catalog((schema, TAP_SCHEMA)), digest, by_table, say)
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
        temporary.with_name(f"{temporary.name}.wal").unlink(missing_ok=True)
    return True


def _schema_in(out: Path, digest: str) -> Schema | None:
    """Return the schema that an earlier run left, if it is of the same file and loader.

    Reading felis takes longer than everything else together.
    """
    if not out.exists():
        return None
    try:
        with duckdb.connect(str(out), read_only=True) as database:
            query = f"SELECT version, felis, catalog FROM {METADATA_TABLE}"  # noqa: S608
            version, felis, catalog = database.execute(query).fetchone() or ("", "", "")
    except duckdb.Error:
        return None
    return Catalog.from_json(catalog).schemas[0] if (version, felis) == (VERSION, digest) else None


def _write(
    path: Path, catalog: Catalog, digest: str, files: dict[str, Path], say: Callable[[str], None]
) -> None:
    # Whoever reads it runs as the same user.
    previous = os.umask(0o077)
    try:
        database = duckdb.connect(str(path))
    finally:
        os.umask(previous)
    with database:
        # Parquet's statistics leave NaN out, from which DuckDB concludes that nothing is NaN.
        database.execute("SET disabled_optimizers = 'statistics_propagation'")
        database.execute("BEGIN")
        for table in catalog.tables():
            database.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(table.schema)}")
            say(f"writing {table.full_name}")
            _write_table(database, table, files.get(table.name))
        for name, rows in tap_schema_rows(catalog):
            _insert(database, f"tap_schema.{identifier(name)}", rows)
        columns = "version VARCHAR, felis VARCHAR, catalog VARCHAR"
        database.execute(f"CREATE TABLE {METADATA_TABLE} ({columns})")
        _insert(database, METADATA_TABLE, [(VERSION, digest, catalog.to_json())])
        database.execute("COMMIT")
        database.execute("CHECKPOINT")


def _insert(
    database: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Sequence[object]]
) -> None:
    # Written out: DuckDB takes prepared rows one by one, milliseconds each.
    values = ", ".join(f"({', '.join(_literal(cell) for cell in row)})" for row in rows)
    database.execute(f"INSERT INTO {table} VALUES {values}")  # noqa: S608 (quoted)


def _literal(cell: object) -> str:
    if cell is None:
        return "NULL"
    return f"{cell:d}" if isinstance(cell, int) else text(str(cell))


def _write_table(database: duckdb.DuckDBPyConnection, table: Table, file: Path | None) -> None:
    name = f"{identifier(table.schema)}.{identifier(table.name)}"
    if file is None:
        columns = ", ".join(f"{identifier(c.name)} {TYPES[c.type]}" for c in table.columns)
        database.execute(f"CREATE TABLE {name} ({columns})")
        return
    source = f"read_parquet({text(str(file))})"
    found = _check(database, table, file, source)
    columns = ", ".join(_selected(column, column.name in found) for column in table.columns)
    order = ""
    position = table.position
    if position and found.issuperset(position):
        ra, dec = (identifier(one) for one in position)
        _check_position(database, source, file, ra, dec)
        # Stripes keep a cone's rows together, so the engine's zone maps skip all others.
        order = f" ORDER BY floor({dec} / {_STRIPE}), {ra}"
    try:
        database.execute(f"CREATE TABLE {name} AS SELECT {columns} FROM {source}{order}")  # noqa: S608
    except duckdb.Error as error:
        raise LoadError(f"{file.name} cannot be loaded: {_first_line(error)}") from error


def _check(
    database: duckdb.DuckDBPyConnection, table: Table, file: Path, source: str
) -> frozenset[str]:
    """Hold a file's columns against the schema's; return their names."""
    try:
        rows = database.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608
    except duckdb.Error as error:
        raise LoadError(f"{file.name} cannot be read: {_first_line(error)}") from error
    known = {column.name: column for column in table.columns}
    for name, kind, *_ in rows:
        column = known.get(name)
        if column is None:
            raise LoadError(f"{file.name}: {table.full_name} has no column {name}")
        if kind not in _ALLOWED[column.type]:
            expected = TYPES[column.type]
            raise LoadError(f"{file.name}: the column {name} is {kind}, but should be {expected}")
    return frozenset(name for name, *_ in rows)


def _check_position(
    database: duckdb.DuckDBPyConnection, source: str, file: Path, ra: str, dec: str
) -> None:
    """Refuse positions that cone searches would not find."""
    known = f"NOT isnan({ra}) AND NOT isnan({dec})"
    outside = f"{known} AND ({ra} NOT BETWEEN 0 AND 360 OR abs({dec}) > 90)"
    query = f"SELECT count(*) FROM {source} WHERE {outside}"  # noqa: S608
    (count,) = database.execute(query).fetchone() or (0,)
    if count:
        raise LoadError(
            f"{file.name}: {count} rows have a right ascension outside of 0 to 360 degrees, "
            "or a declination beyond 90"
        )


def _selected(column: Column, present: bool) -> str:
    name, kind = identifier(column.name), TYPES[column.type]
    if not present:
        return f"CAST(NULL AS {kind}) AS {name}"
    if column.type in (Type.FLOAT, Type.DOUBLE):
        # Pandas has no NULL, and DuckDB holds NaN for greater than any number.
        return f"CAST(CASE WHEN isnan({name}) THEN NULL ELSE {name} END AS {kind}) AS {name}"
    return f"CAST({name} AS {kind}) AS {name}"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the loader; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m firstlight_services.tap.load")
    parser.add_argument("--parquet", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    arguments = parser.parse_args(argv)
    start = time.monotonic()

    def say(line: str) -> None:
        if time.monotonic() - start > _QUIET_SECONDS:
            sys.stderr.write(f"catalog: {line}\n")

    try:
        load(arguments.parquet, arguments.out, say=say)
    except KeyboardInterrupt:
        sys.stderr.write("catalog: stopped; the next start makes it.\n")
        return 130
    except (LoadError, ValueError, OSError, duckdb.Error) as error:
        sys.stderr.write(f"catalog: {_first_line(error)}.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
