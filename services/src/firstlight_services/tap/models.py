"""What the service knows of its catalogs: schemas, tables, columns and their types."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

__all__ = ["METADATA_TABLE", "Catalog", "Column", "Field", "Schema", "Table", "Type"]

METADATA_TABLE = "main.firstlight_metadata"
"""Where the loader leaves the catalog's description in the database; no query can name it."""


class Type(StrEnum):
    """A value's type; the values are VOTable's data types, where there is one."""

    BOOLEAN = "boolean"
    SHORT = "short"
    INT = "int"
    LONG = "long"
    FLOAT = "float"
    DOUBLE = "double"
    CHAR = "char"
    UNICODE = "unicodeChar"
    # These occur inside of queries only.
    NULL = "null"
    POINT = "point"
    CIRCLE = "circle"

    @property
    def numeric(self) -> bool:
        """Whether one can calculate with it."""
        return self in _RANK

    @property
    def integral(self) -> bool:
        """Whether it is a whole number."""
        return self in (Type.SHORT, Type.INT, Type.LONG)

    @property
    def text(self) -> bool:
        """Whether it is text."""
        return self in (Type.CHAR, Type.UNICODE)

    def wider(self, other: Type) -> Type:
        """Return the one of two numeric types that holds the values of both."""
        return max(self, other, key=_RANK.__getitem__)


_RANK = {
    kind: rank
    for rank, kind in enumerate((Type.SHORT, Type.INT, Type.LONG, Type.FLOAT, Type.DOUBLE))
}


@dataclass(frozen=True, slots=True)
class Field:
    """One column of an answer: what its FIELD says."""

    name: str
    type: Type
    unit: str = ""
    ucd: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, as TAP_SCHEMA describes it."""

    name: str
    type: Type
    arraysize: str = ""
    unit: str = ""
    ucd: str = ""
    description: str = ""
    principal: bool = False
    indexed: bool = False
    std: bool = False
    index: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """One table; ``name`` is without its schema."""

    schema: str
    name: str
    description: str
    columns: tuple[Column, ...]
    index: int = 0

    @property
    def full_name(self) -> str:
        """``schema.table``."""
        return f"{self.schema}.{self.name}"

    @property
    def position(self) -> tuple[str, str] | None:
        """Names of the columns with right ascension and declination in degrees, by their UCD."""
        found = {
            axis: next((c.name for c in self.columns if c.ucd.startswith(f"pos.eq.{axis}")), None)
            for axis in ("ra", "dec")
        }
        return (found["ra"], found["dec"]) if found["ra"] and found["dec"] else None


@dataclass(frozen=True, slots=True)
class Schema:
    """A named set of tables."""

    name: str
    description: str
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class Catalog:
    """All that can be asked for."""

    schemas: tuple[Schema, ...]

    def tables(self) -> Iterator[Table]:
        """Yield every table, schema by schema."""
        for schema in self.schemas:
            yield from schema.tables

    def table(self, full_name: str) -> Table | None:
        """Find a table by ``schema.table``, without regard to case."""
        wanted = full_name.lower()
        return next((t for t in self.tables() if t.full_name.lower() == wanted), None)

    def to_json(self) -> str:
        """Return it as JSON, to be read back by `from_json`."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, document: str) -> Catalog:
        """Read what `to_json` wrote."""
        return cls(tuple(_schema(one) for one in json.loads(document)["schemas"]))


def _schema(raw: dict[str, Any]) -> Schema:
    return Schema(**{**raw, "tables": tuple(_table(one) for one in raw["tables"])})


def _table(raw: dict[str, Any]) -> Table:
    columns = tuple(Column(**{**one, "type": Type(one["type"])}) for one in raw["columns"])
    return Table(**{**raw, "columns": columns})
