"""What the service knows of its catalogs: schemas, tables, columns and their types."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from pydantic import TypeAdapter

from firstlight_services.tap.coverage import Coverage

__all__ = ["Catalog", "Column", "Field", "Schema", "Table", "Type"]


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
    # These occur inside queries only.
    NULL = "null"
    POINT = "point"
    CIRCLE = "circle"
    POLYGON = "polygon"

    @property
    def numeric(self) -> bool:
        """Whether it is a number."""
        return self in _RANK

    @property
    def integral(self) -> bool:
        """Whether it is an integer."""
        return self in (Type.SHORT, Type.INT, Type.LONG)

    @property
    def text(self) -> bool:
        """Whether it is a string."""
        return self in (Type.CHAR, Type.UNICODE)

    def wider(self, other: Type) -> Type:
        """Return the numeric type that can hold the values of both."""
        return max(self, other, key=_RANK.__getitem__)


_RANK = {
    kind: rank
    for rank, kind in enumerate((Type.SHORT, Type.INT, Type.LONG, Type.FLOAT, Type.DOUBLE))
}


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a result, as its FIELD describes it."""

    name: str
    type: Type
    unit: str = ""
    ucd: str = ""
    description: str = ""
    arraysize: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, as TAP_SCHEMA describes it.

    Attributes
    ----------
    arraysize
        For strings ``*``, or ``20*`` if they have at most 20 characters; empty for other types.
    """

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


@dataclass(frozen=True)
class Table:
    """One table of a schema.

    Attributes
    ----------
    name
        Its name without the schema.
    index
        Its position in lists.
    dataset
        The label of the data set it belongs to; empty for the service's own tables.
    coverage
        Where on the sky it has data; None if it has no positions.
    """

    schema: str
    name: str
    description: str
    columns: tuple[Column, ...]
    index: int = 0
    dataset: str = ""
    coverage: Coverage | None = None

    @property
    def full_name(self) -> str:
        """Its name with that of its schema: ``schema.table``."""
        return f"{self.schema}.{self.name}"

    @cached_property
    def fields(self) -> tuple[tuple[str, Field], ...]:
        """Its columns' names, and how results describe them; cached, as every query needs them."""
        return tuple(
            (c.name, Field(c.name, c.type, c.unit, c.ucd, c.description, c.arraysize))
            for c in self.columns
        )

    @property
    def position(self) -> tuple[str, str] | None:
        """The columns with right ascension and declination in degrees, found by their UCD."""
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

    def to_json(self) -> str:
        """Return it as JSON, to be read back by `from_json`."""
        return _SCHEMA.dump_json(self).decode()

    @classmethod
    def from_json(cls, document: str) -> Schema:
        """Read what `to_json` wrote.

        Raises
        ------
        ValueError
            If the document is something else.
        """
        return _SCHEMA.validate_json(document)


_SCHEMA = TypeAdapter(Schema)


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything that can be queried."""

    schemas: tuple[Schema, ...]

    def tables(self) -> Iterator[Table]:
        """Yield every table, schema by schema."""
        for schema in self.schemas:
            yield from schema.tables

    def table(self, full_name: str) -> Table | None:
        """Return the table called ``schema.table``, ignoring case."""
        wanted = full_name.lower()
        return next((t for t in self.tables() if t.full_name.lower() == wanted), None)
