"""What a database file says about itself; no query can name the tables that say it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import duckdb

from firstlight_services.tap.engines.duckdb.spelling import identifier, string

__all__ = [
    "VERSION",
    "Failure",
    "Metadata",
    "read_failures",
    "read_file",
    "read_metadata",
    "write_failures",
    "write_metadata",
]

VERSION = "4"
"""The version of what the loader writes; it rewrites a file of any other version."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """Which schema of which data set a file has.

    Attributes
    ----------
    dataset
        The label of the data set.
    felis
        The digest of the Felis file that the schema was read from.
    source
        The Parquet files that its tables were loaded from; see `files.source_of`.
    schema
        The schema, as JSON.
    version
        The version of the loader that wrote it.
    """

    dataset: str
    felis: str
    source: str
    schema: str
    version: str = VERSION


@dataclass(frozen=True, slots=True)
class Failure:
    """A data set that could not be loaded.

    Attributes
    ----------
    dataset
        The label of the data set.
    reason
        Why; a clause without a full stop.
    """

    dataset: str
    reason: str


def read_metadata(database: duckdb.DuckDBPyConnection, name: str) -> list[Metadata]:
    """Return what a database holds.

    Parameters
    ----------
    database
        An open connection.
    name
        The name of the database in this connection.

    Returns
    -------
    list of Metadata
        One data set's, or those of all data sets, in the service's own database.

    Raises
    ------
    duckdb.Error
        If the loader did not write it, or another version of the loader did.
    """
    found = [Metadata(*row) for row in _read(database, name, "metadata", _METADATA)]
    return [one for one in found if one.version == VERSION]


def read_failures(database: duckdb.DuckDBPyConnection, name: str) -> list[Failure]:
    """Return which data sets could not be loaded; only the service's own database says it.

    The parameters are as those of `read_metadata`.
    """
    return [Failure(*row) for row in _read(database, name, "failures", _FAILURE)]


def read_file[T](
    path: Path, name: str, read: Callable[[duckdb.DuckDBPyConnection, str], T]
) -> T | None:
    """Read a file with one of the functions above; None if it is missing or not of this loader."""
    if not path.exists():
        return None
    try:
        with duckdb.connect() as database:
            attached = f"ATTACH {string(str(path))} AS {identifier(name)} (READ_ONLY)"
            database.execute(attached)
            return read(database, name)
    except duckdb.Error:
        return None


def write_metadata(
    database: duckdb.DuckDBPyConnection, name: str, metadata: Sequence[Metadata]
) -> None:
    """Write what a database holds; the parameters are as those of `read_metadata`."""
    _write(database, name, "metadata", _METADATA, [astuple(one) for one in metadata])


def write_failures(
    database: duckdb.DuckDBPyConnection, name: str, failures: Sequence[Failure]
) -> None:
    """Write which data sets could not be loaded; the parameters are as for `read_metadata`."""
    _write(database, name, "failures", _FAILURE, [astuple(one) for one in failures])


_METADATA = tuple(one.name for one in fields(Metadata))
_FAILURE = tuple(one.name for one in fields(Failure))


def _read(
    database: duckdb.DuckDBPyConnection, name: str, table: str, columns: tuple[str, ...]
) -> list[tuple[str, ...]]:
    selected = ", ".join(map(identifier, columns))
    query = f"SELECT {selected} FROM {_table(name, table)} ORDER BY rowid"  # noqa: S608 (quoted)
    return database.execute(query).fetchall()


def _write(
    database: duckdb.DuckDBPyConnection,
    name: str,
    table: str,
    columns: tuple[str, ...],
    rows: Sequence[tuple[str, ...]],
) -> None:
    typed = ", ".join(f"{identifier(one)} VARCHAR" for one in columns)
    database.execute(f"CREATE TABLE {_table(name, table)} ({typed})")
    for row in rows:
        values = ", ".join(map(string, row))
        database.execute(f"INSERT INTO {_table(name, table)} VALUES ({values})")  # noqa: S608 (quoted)


def _table(name: str, table: str) -> str:
    return f"{identifier(name)}.main.firstlight_{table}"
