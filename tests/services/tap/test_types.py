"""Results have the types that are declared: by TAP_SCHEMA, by ``tables`` and by their FIELDs."""

from __future__ import annotations

import io
from collections.abc import Iterator
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import votable

from firstlight_common.runtime import DataSet
from firstlight_services.tap import vosi
from firstlight_services.tap.engines.duckdb import tap_schema_file
from firstlight_services.tap.engines.duckdb.load import load
from firstlight_services.tap.engines.duckdb.store import DuckDBEngine
from firstlight_services.tap.formats import choose, make_writer
from firstlight_services.tap.models import Type
from firstlight_services.tap.policy import Limits
from firstlight_services.tap.service import plan
from tests.services.tap.conftest import ask, engine_of

FELIS = """
name: kinds
"@id": "#kinds"
tables:
- name: t
  "@id": "#t"
  columns:
""" + "".join(
    f'  - {{name: {name}, "@id": "#t.{name}", datatype: {kind}{more}}}\n'
    for name, kind, more in (
        ("truth", "boolean", ""),
        ("small", "short", ""),
        ("middle", "int", ""),
        ("large", "long", ""),
        ("single", "float", ""),
        ("real", "double", ""),
        ("fixed", "char", ", length: 5"),
        ("short_name", "char", ", length: 3"),
        ("name", "string", ", length: 20"),
        ("foreign", "string", ", length: 20"),
        ("note", "unicode", ", length: 9"),
        ("missing", "string", ", length: 4"),
    )
)
_ARROW = {
    Type.BOOLEAN: pa.bool_(),
    Type.SHORT: pa.int16(),
    Type.INT: pa.int32(),
    Type.LONG: pa.int64(),
    Type.FLOAT: pa.float32(),
    Type.DOUBLE: pa.float64(),
    Type.CHAR: pa.string(),
    Type.UNICODE: pa.string(),
}


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBEngine]:
    """An engine over a table with a column of each type."""
    state = tmp_path_factory.mktemp("kinds")
    felis = state / "kinds.yaml"
    felis.write_text(FELIS)
    folder = state / "parquet"
    folder.mkdir()
    pq.write_table(
        pa.table(
            {
                "truth": [True, False, None],
                "small": pa.array([1, -2, None], pa.int16()),
                "middle": pa.array([3, -4, None], pa.int32()),
                "large": pa.array([2**40, -5, None], pa.int64()),
                "single": pa.array([1.5, -0.25, None], pa.float32()),
                "real": pa.array([0.1, -6.5, None], pa.float64()),
                "fixed": ["M31", "abcde", None],
                "short_name": ["longer than three", "x", None],
                "name": ["it's", "<b>&", None],
                "foreign": ["größer ≤ 1″", "plain", None],
                "note": ["𝄞", "ß", None],
            }
        ),
        folder / "t.parquet",
    )
    dataset = DataSet(
        label="kinds",
        title="Kinds",
        felis=felis,
        catalog=folder,
        store=tap_schema_file(state).with_name("kinds"),
    )
    load([dataset], tap_schema_file(state))
    engine = engine_of(state, dataset)
    yield engine
    engine.close()


def document(query: str, engine: DuckDBEngine, form: str) -> tuple[bytes, list[pa.DataType]]:
    """Return a result as a document, and the types in which the engine returned it."""
    planned = plan(query, None, engine.describe(), Limits(99, 99), engine.emit)
    writer = make_writer(choose(form), planned.fields)
    cursor = engine.cursor()
    types: list[pa.DataType] = []
    try:
        cursor.start(planned.statement, len(planned.fields))
        pieces = [writer.head()]
        while (batch := cursor.next()) is not None:
            types = batch.schema.types
            pieces.append(writer.rows(batch))
        return b"".join([*pieces, writer.tail(overflow=False)]), types
    finally:
        cursor.close()


EXPRESSIONS = {
    "COUNT(*)": "long", "COUNT(DISTINCT small)": "long", "SUM(small)": "long", "SUM(large)": "long",
    "SUM(truth)": "long", "SUM(single)": "double", "SUM(real)": "double", "AVG(small)": "double",
    "AVG(single)": "double", "MIN(small)": "short", "MAX(large)": "long", "MAX(single)": "float",
    "MAX(name)": "char", "MIN(foreign)": "unicodeChar", "SUM(middle) / COUNT(*)": "double",
    "MIN(truth)": "boolean",
    "small + small": "long", "middle * large": "long", "small / middle": "double",
    "small + single": "double", "single + single": "double", "single * 2": "double",
    "7 / 2": "double", "7 % 2": "long", "MOD(small, 2)": "int", "MOD(single, 2)": "float",
    "-small": "short", "-single": "float", "-large": "long", "ABS(small)": "short",
    "ABS(single)": "float", "ROUND(single)": "double", "ROUND(small, 1)": "double",
    "TRUNCATE(real, 1)": "double", "FLOOR(real)": "double", "CEILING(single)": "double",
    "SQRT(small)": "double", "POWER(small, 2)": "double", "PI()": "double", "RAND()": "double",
    "1": "int", "3000000000": "long", "1.5": "double", "99999999999999999999": "double",
    "'a'": "char", "'ä'": "unicodeChar", "''": "char", "NULL": "char", "TRUE": "boolean",
    "name || 'a'": "char", "name || 'ä'": "unicodeChar", "name || foreign": "unicodeChar",
    "UPPER(name)": "char", "LOWER(foreign)": "unicodeChar", "LOWER(NULL)": "char",
    "CASE WHEN truth THEN small ELSE large END": "long",
    "CASE WHEN truth THEN small ELSE real END": "double",
    "CASE WHEN truth THEN single END": "float", "CASE WHEN truth THEN name ELSE note END": "unicodeChar",
    "CASE WHEN truth THEN NULL ELSE 1 END": "int",
    "COALESCE(small, middle)": "int", "COALESCE(single, 0)": "float", "COALESCE(single, real)": "double",
    "COALESCE(NULL, 'a')": "char", "COALESCE(truth, FALSE)": "boolean", "COALESCE(truth, 0)": "int",
    "small > 1": "boolean", "small IN (1, 2)": "boolean", "name LIKE 'M%'": "boolean",
    "name IS NULL": "boolean", "NOT truth": "boolean", "small BETWEEN 1 AND 2": "boolean",
    "DISTANCE(1, 2, real, 4)": "double", "CONTAINS(POINT(1, real), CIRCLE(1, 2, 3))": "int",
    "scisql_nanojanskyToAbMag(single)": "double",
    "(SELECT MAX(small) FROM t)": "short", "(SELECT COUNT(*) FROM t)": "long",
    "small AS s": "short", "foreign": "unicodeChar",
}  # fmt: skip


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_has_its_type(expression: str, kinds: DuckDBEngine) -> None:
    query = f"SELECT {expression} FROM t"
    (field,) = plan(query, None, kinds.describe(), Limits(9, 9), kinds.emit).fields
    assert field.type.value == EXPRESSIONS[expression]
    body, types = document(query, kinds, "votable")
    assert types == [_ARROW[field.type]]
    (table,) = votable.parse(io.BytesIO(body), verify="exception").iter_tables()
    assert table.fields[0].datatype == field.type.value
    assert len(table.array) >= 1


def test_every_column_arrives_as_it_is_declared(kinds: DuckDBEngine) -> None:
    catalog = kinds.describe()
    described = ask(
        "SELECT column_name, datatype, arraysize, size FROM tap_schema.columns "
        "WHERE table_name = 'kinds.t' ORDER BY column_index, column_name",
        catalog,
        kinds,
    )
    declared = {name: (kind, size or None) for name, kind, size, _ in described}
    assert len(declared) == 12
    root = ElementTree.fromstring(vosi.tables(catalog))
    (table,) = [one for one in root.iter("table") if one.findtext("name") == "kinds.t"]
    told = {}
    for column in table.iter("column"):
        kind = column.find("dataType")
        assert kind is not None
        told[column.findtext("name")] = (kind.text, kind.get("arraysize"))
    assert told == declared
    for name in declared:
        for form in ("votable", "votable/td"):
            body, types = document(f"SELECT {name} FROM t", kinds, form)
            (found,) = votable.parse(io.BytesIO(body), verify="exception").iter_tables()
            field = found.fields[0]
            assert (field.datatype, field.arraysize) == declared[name], name
            assert types == [_ARROW[Type(field.datatype)]]


def test_tap_schema_arrives_as_it_declares_itself(kinds: DuckDBEngine) -> None:
    catalog = kinds.describe()
    for table in catalog.schemas[-1].tables:
        body, _ = document(f"SELECT * FROM {table.full_name}", kinds, "votable")
        (found,) = votable.parse(io.BytesIO(body), verify="exception").iter_tables()
        declared = [(one.type.value, one.arraysize or None) for one in table.columns]
        assert [(one.datatype, one.arraysize) for one in found.fields] == declared


def test_strings_that_are_not_as_the_schema_says_are_described_as_they_are(
    kinds: DuckDBEngine,
) -> None:
    table = kinds.describe().table("kinds.t")
    assert table is not None
    found = {one.name: (one.type, one.arraysize) for one in table.columns if one.type.text}
    assert found == {
        "fixed": (Type.CHAR, "5*"),
        "short_name": (Type.CHAR, "*"),
        "name": (Type.CHAR, "20*"),
        "foreign": (Type.UNICODE, "*"),
        "note": (Type.UNICODE, "*"),
        "missing": (Type.CHAR, "4*"),
    }


@pytest.mark.parametrize("form", ["votable", "votable/td", "csv", "tsv"])
def test_strings_of_the_catalog_arrive_whole(form: str, kinds: DuckDBEngine) -> None:
    body, _ = document("SELECT foreign, note FROM t WHERE small = 1", kinds, form)
    if form in ("csv", "tsv"):
        assert body.decode().splitlines()[1] == (
            "größer ≤ 1″\t𝄞" if form == "tsv" else "größer ≤ 1″,𝄞"
        )
        return
    (table,) = votable.parse(io.BytesIO(body), verify="exception").iter_tables()
    assert [str(one) for one in table.array.data[0]] == ["größer ≤ 1″", "𝄞"]


def test_the_model_of_types_is_complete() -> None:
    geometry = (Type.POINT, Type.CIRCLE, Type.POLYGON)
    assert set(_ARROW) == {one for one in Type if one not in (Type.NULL, *geometry)}
