"""What a database file says about itself; no query can name the table that says it."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields

import duckdb

from firstlight_services.tap.engines.duckdb.spelling import identifier, string

__all__ = ["VERSION", "Metadata", "read_metadata", "write_metadata"]

VERSION = "2"
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
    schema
        The schema, as JSON.
    version
        The version of the loader that wrote it.
    """

    dataset: str
    felis: str
    schema: str
    version: str = VERSION


_COLUMNS = tuple(one.name for one in fields(Metadata))


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
    columns = ", ".join(map(identifier, _COLUMNS))
    query = f"SELECT {columns} FROM {_table(name)} ORDER BY rowid"  # noqa: S608 (quoted)
    found = [Metadata(*row) for row in database.execute(query).fetchall()]
    return [one for one in found if one.version == VERSION]


def write_metadata(
    database: duckdb.DuckDBPyConnection, name: str, metadata: list[Metadata]
) -> None:
    """Write what a database holds; the parameters are as those of `read_metadata`."""
    columns = ", ".join(f"{identifier(one)} VARCHAR" for one in _COLUMNS)
    database.execute(f"CREATE TABLE {_table(name)} ({columns})")
    for one in metadata:
        values = ", ".join(string(cell) for cell in astuple(one))
        database.execute(f"INSERT INTO {_table(name)} VALUES ({values})")  # noqa: S608 (quoted)


def _table(name: str) -> str:
    return f"{identifier(name)}.main.firstlight_metadata"
