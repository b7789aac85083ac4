"""The catalog's description: from the observatory's felis file, and TAP_SCHEMA's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from firstlight_services.tap.models import Catalog, Column, Schema, Table, Type

__all__ = ["TAP_SCHEMA", "packaged_felis", "read_felis", "tap_schema_rows"]

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


def packaged_felis() -> Path:
    """Return the DP0.1 schema file of the package ``lsst-sdm-schemas``."""
    return Path(str(files("lsst.sdm.schemas"))) / "archive" / "dp01_dc2.yaml"


def read_felis(path: Path) -> Schema:
    """Read a felis file.

    Raises
    ------
    ValueError
        If it is none, or has a type that the service does not know.
    """
    # Seconds of imports (sqlalchemy, astropy), for the loader alone.
    import yaml
    from felis.datamodel import Schema as FelisSchema

    # felis reads YAML with the reader written in Python, six times slower.
    raw = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
    felis = FelisSchema.model_validate(raw, context={"id_generation": True})
    tables = [_table(felis.name, table) for table in felis.tables]
    tables.sort(key=lambda table: table.index)
    return Schema(felis.name, felis.description or "", tuple(tables))


def _table(schema: str, felis: Any) -> Table:
    columns = sorted((_column(one) for one in felis.columns), key=lambda column: column.index)
    index = felis.tap_table_index or 0
    table = Table(schema, felis.name, felis.description or "", tuple(columns), index)
    # The loader sorts by position, so cones are quick; nothing else is looked up by an index.
    indexed = table.position or ()
    columns = [replace(one, indexed=one.name in indexed) for one in columns]
    return replace(table, columns=tuple(columns))


def _column(felis: Any) -> Column:
    kind = _FELIS_TYPES.get(str(felis.datatype.value))
    if kind is None:
        raise ValueError(f"the column {felis.name} has the unknown type {felis.datatype.value}")
    return Column(
        name=felis.name,
        type=kind,
        arraysize=str(felis.votable_arraysize or "*") if kind.text else "",
        unit=felis.ivoa_unit or felis.fits_tunit or "",
        ucd=felis.ivoa_ucd or "",
        description=felis.description or "",
        principal=bool(felis.tap_principal),
        std=bool(felis.tap_std),
        index=felis.tap_column_index or 0,
    )


def _texts(described: dict[str, str]) -> list[Column]:
    return [
        Column(name, Type.UNICODE, "*", description=words, principal=True, std=True)
        for name, words in described.items()
    ]


def _whole(described: dict[str, str]) -> list[Column]:
    return [
        Column(name, Type.INT, description=words, principal=True, std=True)
        for name, words in described.items()
    ]


def _own(name: str, description: str, columns: Sequence[Column], index: int) -> Table:
    numbered = tuple(replace(one, index=place) for place, one in enumerate(columns, 1))
    return Table("tap_schema", name, description, numbered, index)


TAP_SCHEMA = Schema(
    "tap_schema",
    "The tables that describe the tables of this service.",
    (
        _own(
            "schemas",
            "The schemas of this service.",
            [
                *_texts({"schema_name": "Name", "utype": "Utype", "description": "What it holds"}),
                *_whole({"schema_index": "Place in lists"}),
            ],
            1,
        ),
        _own(
            "tables",
            "The tables of this service.",
            [
                *_texts({"schema_name": "Schema", "table_name": "Name, with its schema"}),
                *_texts({"table_type": "table or view", "utype": "Utype"}),
                *_texts({"description": "What it holds"}),
                *_whole({"table_index": "Place in lists"}),
            ],
            2,
        ),
        _own(
            "columns",
            "The columns of this service's tables.",
            [
                *_texts({"table_name": "Table, with its schema", "column_name": "Name"}),
                *_texts({"datatype": "VOTable data type", "arraysize": "VOTable array size"}),
                *_texts({"xtype": "VOTable xtype"}),
                *_whole({"size": "Length; deprecated"}),
                *_texts({"description": "What it holds", "utype": "Utype", "unit": "Unit"}),
                *_texts({"ucd": "Unified content descriptor"}),
                *_whole({"indexed": "1 if searches by it are quick", "principal": "1 if central"}),
                *_whole({"std": "1 if a standard defines it", "column_index": "Place in lists"}),
            ],
            3,
        ),
        _own(
            "keys",
            "Foreign keys.",
            [
                *_texts({"key_id": "Name", "from_table": "Table", "target_table": "Its target"}),
                *_texts({"description": "What it means", "utype": "Utype"}),
            ],
            4,
        ),
        _own(
            "key_columns",
            "The columns of foreign keys.",
            [
                *_texts({"key_id": "Name of the key", "from_column": "Column"}),
                *_texts({"target_column": "Its target"}),
            ],
            5,
        ),
    ),
)
"""TAP 1.1, section 4. The catalogs declare no foreign keys, so the last two tables are empty."""


def tap_schema_rows(catalog: Catalog) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    """Yield the name and the rows of each table of TAP_SCHEMA."""
    schemas = catalog.schemas
    tables = list(catalog.tables())
    yield "schemas", [(s.name, None, s.description, i) for i, s in enumerate(schemas, 1)]
    yield (
        "tables",
        [(t.schema, t.full_name, "table", None, t.description, t.index) for t in tables],
    )
    yield "columns", [(t.full_name, *_described(one)) for t in tables for one in t.columns]


def _described(column: Column) -> tuple[Any, ...]:
    size = int(column.arraysize) if column.arraysize.isdigit() else None
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
