"""How DuckDB spells names, literals and types."""

from __future__ import annotations

from collections.abc import Mapping

from firstlight_services.tap.models import Table, Type

__all__ = [
    "TAP_SCHEMA_DATABASE",
    "TYPES",
    "database_name",
    "identifier",
    "number",
    "string",
    "table_name",
]

TAP_SCHEMA_DATABASE = "tap_schema"
"""The database with the service's own tables; DuckDB names a database after its file."""

TYPES: Mapping[Type, str] = {
    Type.BOOLEAN: "BOOLEAN",
    Type.SHORT: "SMALLINT",
    Type.INT: "INTEGER",
    Type.LONG: "BIGINT",
    Type.FLOAT: "FLOAT",
    Type.DOUBLE: "DOUBLE",
    Type.CHAR: "VARCHAR",
    Type.UNICODE: "VARCHAR",
}
"""DuckDB's name of each type."""


def identifier(name: str) -> str:
    """Return a quoted name."""
    return '"' + name.replace('"', '""') + '"'


def database_name(dataset: str) -> str:
    """Return the name of a data set's database; of the service's own, if the label is empty."""
    # The prefix keeps labels apart from DuckDB's own databases, such as "temp".
    return f"dataset_{dataset}" if dataset else TAP_SCHEMA_DATABASE


def table_name(table: Table) -> str:
    """Return the full name of a table, quoted."""
    parts = (database_name(table.dataset), table.schema, table.name)
    return ".".join(map(identifier, parts))


def string(value: str) -> str:
    """Return a quoted string; DuckDB knows no escapes in it but the doubled quote."""
    return "'" + value.replace("'", "''") + "'"


def number(value: float) -> str:
    """Return a DOUBLE; without an exponent it would be an exact decimal of few digits."""
    text = repr(float(value))
    text = text if "e" in text else f"{text}e0"
    return f"({text})" if text.startswith("-") else text
