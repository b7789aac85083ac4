"""Descriptions of the tables: the observatory's, from its Felis file, and those of TAP_SCHEMA."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from firstlight_services.tap.models import Catalog, Column, Schema, Table, Type

if TYPE_CHECKING:
    from felis.datamodel import Column as FelisColumn
    from felis.datamodel import Table as FelisTable

__all__ = ["TAP_SCHEMA", "Row", "read_felis", "tap_schema_rows"]

Row = tuple[str | int | None, ...]
"""The cells of one row."""

_FELIS_TYPES = {
    "boolean": Type.BOOLEAN,
    "short": Type.SHORT,
    "int": Type.INT,
    "long": Type.LONG,
    "float": Type.FLOAT,
    "double": Type.DOUBLE,
    "char": Type.CHAR,
    "string": Type.CHAR,
    "text": Type.CHAR,
    "unicode": Type.UNICODE,
}


def read_felis(path: Path, dataset: str = "") -> Schema:
    """Read a Felis file.

    Parameters
    ----------
    path
        The file.
    dataset
        The label of the data set whose tables it describes.

    Raises
    ------
    ValueError
        If it is not a Felis file, or has a type that the service does not know; names the file.
    """
    # Importing it takes seconds (sqlalchemy, astropy), and only the loader needs it.
    import yaml
    from felis.datamodel import Schema as FelisSchema

    try:
        # Felis itself uses the YAML reader written in Python, which is six times slower.
        raw = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
        felis = FelisSchema.model_validate(raw, context={"id_generation": True})
        tables = [_table(felis.name, table, dataset) for table in felis.tables]
    except ValidationError as error:
        raise ValueError(f"{path} is not a Felis schema: {_first_problem(error)}") from error
    except (AttributeError, KeyError, TypeError) as error:
        # Felis looks into the file before it checks whether it has the shape of a schema.
        words = f"{type(error).__name__}: {error}"
        raise ValueError(f"{path} is not a Felis schema: {words}") from error
    except (yaml.YAMLError, ValueError) as error:
        words = " ".join(str(error).split())
        raise ValueError(f"{path} cannot be read: {words}") from error
    tables.sort(key=lambda table: table.index)
    return Schema(felis.name, felis.description or "", tuple(tables))


def _first_problem(error: ValidationError) -> str:
    """Return what is wrong, and where in the file."""
    problem = error.errors(include_url=False)[0]
    where = ".".join(map(str, problem["loc"]))
    words = " ".join(problem["msg"].split())
    return f"{where}: {words}" if where else words


def _table(schema: str, felis: FelisTable, dataset: str) -> Table:
    columns = sorted((_column(one) for one in felis.columns), key=lambda column: column.index)
    index = felis.tap_table_index or 0
    table = Table(schema, felis.name, felis.description or "", tuple(columns), index, dataset)
    # The loader sorts by position, which makes cones fast; no other column has an index.
    indexed = table.position or ()
    columns = [replace(one, indexed=one.name in indexed) for one in columns]
    return replace(table, columns=tuple(columns))


def _column(felis: FelisColumn) -> Column:
    kind = _FELIS_TYPES.get(str(felis.datatype.value))
    if kind is None:
        raise ValueError(f"the column {felis.name} has the unknown type {felis.datatype.value}")
    return Column(
        name=felis.name,
        type=kind,
        arraysize=_arraysize(str(felis.votable_arraysize or "*")) if kind.text else "",
        unit=felis.ivoa_unit or felis.fits_tunit or "",
        ucd=felis.ivoa_ucd or "",
        description=felis.description or "",
        principal=bool(felis.tap_principal),
        std=bool(felis.tap_std),
        index=felis.tap_column_index or 0,
    )


def _arraysize(felis: str) -> str:
    """Return the array size of a string: in results, all of them have a variable length."""
    digits = felis.rstrip("*")
    return f"{digits}*" if digits.isdigit() else "*"


def _strings(described: dict[str, str]) -> list[Column]:
    return [
        Column(name, Type.UNICODE, "*", description=words, principal=True, std=True)
        for name, words in described.items()
    ]


def _integers(described: dict[str, str]) -> list[Column]:
    return [
        Column(name, Type.INT, description=words, principal=True, std=True)
        for name, words in described.items()
    ]


def _own(name: str, description: str, columns: Sequence[Column], index: int) -> Table:
    numbered = tuple(replace(one, index=position) for position, one in enumerate(columns, 1))
    return Table("tap_schema", name, description, numbered, index)


TAP_SCHEMA = Schema(
    "tap_schema",
    "The tables that describe the tables of this service.",
    (
        _own(
            "schemas",
            "The schemas of this service.",
            [
                *_strings({"schema_name": "Name", "utype": "Utype", "description": "Description"}),
                *_integers({"schema_index": "Position in lists"}),
            ],
            1,
        ),
        _own(
            "tables",
            "The tables of this service.",
            [
                *_strings({"schema_name": "Schema", "table_name": "Name, including the schema"}),
                *_strings({"table_type": "table or view", "utype": "Utype"}),
                *_strings({"description": "Description"}),
                *_integers({"table_index": "Position in lists"}),
            ],
            2,
        ),
        _own(
            "columns",
            "The columns of this service's tables.",
            [
                *_strings({"table_name": "Table, including the schema", "column_name": "Name"}),
                *_strings({"datatype": "VOTable data type", "arraysize": "VOTable array size"}),
                *_strings({"xtype": "VOTable xtype"}),
                *_integers({"size": "Length; deprecated"}),
                *_strings({"description": "Description", "utype": "Utype", "unit": "Unit"}),
                *_strings({"ucd": "Unified content descriptor"}),
                *_integers(
                    {"indexed": "1 if searches by it are fast", "principal": "1 if central"}
                ),
                *_integers(
                    {"std": "1 if defined by a standard", "column_index": "Position in lists"}
                ),
            ],
            3,
        ),
        _own(
            "keys",
            "Foreign keys.",
            [
                *_strings(
                    {
                        "key_id": "Name",
                        "from_table": "Referencing table",
                        "target_table": "Target table",
                    }
                ),
                *_strings({"description": "Description", "utype": "Utype"}),
            ],
            4,
        ),
        _own(
            "key_columns",
            "The columns of foreign keys.",
            [
                *_strings({"key_id": "Name of the key", "from_column": "Referencing column"}),
                *_strings({"target_column": "Target column"}),
            ],
            5,
        ),
    ),
)
"""TAP 1.1, section 4. The catalogs declare no foreign keys, so the last two tables are empty."""


def tap_schema_rows(catalog: Catalog) -> Iterator[tuple[str, list[Row]]]:
    """Yield the name and the rows of each table of TAP_SCHEMA."""
    schemas = catalog.schemas
    tables = list(catalog.tables())
    yield "schemas", [(s.name, None, s.description, i) for i, s in enumerate(schemas, 1)]
    yield (
        "tables",
        [(t.schema, t.full_name, "table", None, t.description, t.index) for t in tables],
    )
    yield "columns", [(t.full_name, *_described(one)) for t in tables for one in t.columns]


def _described(column: Column) -> Row:
    longest = column.arraysize.rstrip("*")
    size = int(longest) if longest else None
    return (
        column.name,
        column.type.value,
        column.arraysize or None,
        None,
        size,
        column.description,
        None,
        column.unit or None,
        column.ucd or None,
        int(column.indexed),
        int(column.principal),
        int(column.std),
        column.index,
    )
