"""Parquet files into tables: checked against the schema, typed by it, and sorted for cones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import duckdb

from firstlight_services.tap.engines.duckdb.errors import first_line
from firstlight_services.tap.engines.duckdb.measure import measured
from firstlight_services.tap.engines.duckdb.spelling import (
    TYPES,
    database_name,
    identifier,
    string,
    table_name,
)
from firstlight_services.tap.models import Column, Schema, Table, Type

__all__ = ["LoadError", "write_schema"]

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
    """A data set that cannot be loaded; the text is a sentence without its full stop.

    If no data set can be served, the text has one such line for each.
    """


def write_schema(
    database: duckdb.DuckDBPyConnection,
    schema: Schema,
    files: Mapping[str, Path],
    say: Callable[[str], None],
) -> Schema:
    """Write the tables of a schema.

    Parameters
    ----------
    database
        A connection with the data set's database attached.
    schema
        The schema.
    files
        The Parquet files, by the names of tables; a table without one is empty.
    say
        Called with each step.

    Returns
    -------
    Schema
        The same schema, with what the data say: where they are, and what their strings are like.

    Raises
    ------
    LoadError
        If a file does not fit its table.
    """
    tables = []
    for table in schema.tables:
        name = f"{identifier(database_name(table.dataset))}.{identifier(schema.name)}"
        database.execute(f"CREATE SCHEMA IF NOT EXISTS {name}")
        say(f"writing {table.full_name}")
        file = files.get(table.name)
        _write_table(database, table, file)
        tables.append(measured(database, table))
    return replace(schema, tables=tuple(tables))


def _write_table(database: duckdb.DuckDBPyConnection, table: Table, file: Path | None) -> None:
    """Write a table; columns that the file does not have are NULL."""
    name = table_name(table)
    if file is None:
        columns = ", ".join(f"{identifier(c.name)} {TYPES[c.type]}" for c in table.columns)
        database.execute(f"CREATE TABLE {name} ({columns})")
        return
    source = f"read_parquet({string(str(file))})"
    found = _check(database, table, file, source)
    columns = ", ".join(_selected(column, column.name in found) for column in table.columns)
    order = ""
    position = table.position
    if position and found.issuperset(position):
        ra, dec = (identifier(one) for one in position)
        _check_position(database, source, file, ra, dec)
        # Stripes keep the rows of a cone together, so that zone maps exclude all others.
        order = f" ORDER BY floor({dec} / {_STRIPE}), {ra}"
    try:
        database.execute(f"CREATE TABLE {name} AS SELECT {columns} FROM {source}{order}")  # noqa: S608
    except duckdb.Error as error:
        raise LoadError(f"{file.name} cannot be loaded: {first_line(error)}") from error


def _check(
    database: duckdb.DuckDBPyConnection, table: Table, file: Path, source: str
) -> frozenset[str]:
    """Compare a file's columns with the schema's; return their names."""
    try:
        rows = database.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608
    except duckdb.Error as error:
        raise LoadError(f"{file.name} cannot be read: {first_line(error)}") from error
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
            f"{file.name}: {count} rows have a right ascension outside 0 to 360 degrees, "
            "or a declination outside -90 to 90 degrees"
        )


def _selected(column: Column, present: bool) -> str:
    name, kind = identifier(column.name), TYPES[column.type]
    if not present:
        return f"CAST(NULL AS {kind}) AS {name}"
    if column.type in (Type.FLOAT, Type.DOUBLE):
        # Pandas has no NULL, and DuckDB takes NaN to be greater than any number.
        return f"CAST(CASE WHEN isnan({name}) THEN NULL ELSE {name} END AS {kind}) AS {name}"
    return f"CAST({name} AS {kind}) AS {name}"
