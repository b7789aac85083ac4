from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from astropy.io import votable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firstlight_common.errors import error_votable
from firstlight_services.tap.errors import QueryError
from firstlight_services.tap.formats import choose, make_writer
from firstlight_services.tap.models import Field, Type
from tests.services.tap.conftest import status_of

FIELDS = (
    Field("flag", Type.BOOLEAN),
    Field("s", Type.SHORT),
    Field("i", Type.INT),
    Field("l", Type.LONG),
    Field("name", Type.CHAR, description="A <name> & more"),
    Field("f", Type.FLOAT, unit="mag", ucd="phot.mag"),
    Field("note", Type.UNICODE),
    Field("d", Type.DOUBLE, unit="deg", ucd="pos.eq.ra;meta.main"),
    Field("last", Type.BOOLEAN),
)
ROWS: list[tuple[Any, ...]] = [
    (True, 1, 2, 2**62, "M31", 1.5, "größer ≤ 1″", 0.1, False),
    (False, -1, -2, -(2**62), "it's <b>&", -0.25, "", 1e-300, True),
    (None, None, None, None, None, None, None, None, None),
    (None, 0, None, 3, "", None, "𝄞", 61.863, None),
]
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


def batch(rows: list[tuple[Any, ...]], fields: tuple[Field, ...] = FIELDS) -> pa.RecordBatch:
    columns = [
        pa.array([row[place] for row in rows], _ARROW[field.type])
        for place, field in enumerate(fields)
    ]
    return pa.RecordBatch.from_arrays(columns, names=[f"c{n}" for n in range(len(fields))])


def written(
    name: str,
    batches: list[pa.RecordBatch],
    fields: tuple[Field, ...] = FIELDS,
    *,
    overflow: bool = False,
) -> bytes:
    writer = make_writer(choose(name), fields)
    parts = [writer.head(), *(writer.rows(one) for one in batches), writer.tail(overflow=overflow)]
    return b"".join(parts)


def read(document: bytes) -> Any:
    parsed = votable.parse(io.BytesIO(document), verify="exception")
    return parsed.get_first_table()


@pytest.mark.parametrize("name", ["votable", "votable/td"])
def test_astropy_reads_back_what_was_written(name: str) -> None:
    table = read(written(name, [batch(ROWS[:1]), batch(ROWS[1:])]))
    cells = table.to_table()
    assert len(cells) == 4
    for place, field in enumerate(FIELDS):
        column = cells.columns[place]
        for number, row in enumerate(ROWS):
            expected, got = row[place], column[number]
            if expected is None and not field.type.text:
                assert np.ma.is_masked(got), (field, number)
            elif field.type.text:
                # TABLEDATA cannot tell an empty text from none.
                assert str(got if not np.ma.is_masked(got) else "") == (expected or "")
            else:
                assert got == expected, (field, number)


def test_fields_carry_the_schemas_words() -> None:
    fields = read(written("votable", [])).fields
    assert [one.name for one in fields] == [one.name for one in FIELDS]
    assert [one.datatype for one in fields] == [one.type.value for one in FIELDS]
    assert fields[4].description == "A <name> & more"
    assert fields[4].arraysize == "*"
    assert (str(fields[7].unit), fields[7].ucd) == ("deg", "pos.eq.ra;meta.main")


@pytest.mark.filterwarnings("ignore:.*Implicitly generating an ID")
def test_odd_names_are_escaped() -> None:
    fields = (Field('odd "<name>" & \x01\'s', Type.INT),)
    assert read(written("votable", [], fields)).fields[0].name == 'odd "<name>" & \ufffd\'s'


@pytest.mark.parametrize("name", ["votable", "votable/td"])
def test_overflow_is_said_after_the_table(name: str) -> None:
    document = written(name, [batch(ROWS)], overflow=True)
    assert status_of(document) == ("OVERFLOW", "")
    assert document.index(b"OVERFLOW") > document.index(b"</TABLE>")
    assert status_of(written(name, [batch(ROWS)]))[0] == "OK"


@pytest.mark.parametrize("name", ["votable", "votable/td"])
def test_an_answer_that_breaks_off_says_so(name: str) -> None:
    writer = make_writer(choose(name), FIELDS)
    document = writer.head() + writer.rows(batch(ROWS))
    ending = writer.broken("Too slow & <stopped>.")
    assert ending is not None
    document += ending
    assert status_of(document) == ("ERROR", "Too slow & <stopped>.")
    assert len(read(document).array) == 4


def test_an_error_is_a_votable_whatever_its_words() -> None:
    words = "There is no <column>.\n  select \x07\n         ^ ]]> & ü"
    status, said = status_of(error_votable(words))
    assert status == "ERROR"
    assert said == words.replace("\x07", "\ufffd")


@pytest.mark.parametrize(("name", "delimiter"), [("csv", ","), ("tsv", "\t")])
def test_delimited_text_is_read_back(name: str, delimiter: str) -> None:
    text = written(name, [batch(ROWS)]).decode()
    header, *lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    assert header == [one.name for one in FIELDS]
    assert lines[0][:6] == ["true", "1", "2", str(2**62), "M31", "1.5"]
    assert lines[2] == [""] * len(FIELDS)
    assert lines[1][4] == "it's <b>&"


@pytest.mark.parametrize(
    ("text", "media_type"),
    [
        (None, "application/x-votable+xml;serialization=BINARY2"),
        ("VOTable", "application/x-votable+xml;serialization=BINARY2"),
        ("application/x-votable+xml; serialization=TABLEDATA", None),
        ("votable/td", "application/x-votable+xml;serialization=TABLEDATA"),
        ("text/xml", "text/xml"),
        ("text/csv", "text/csv;header=present"),
    ],
)
def test_formats_have_short_names(text: str | None, media_type: str | None) -> None:
    chosen = choose(text).media_type
    assert chosen == (media_type or "application/x-votable+xml;serialization=TABLEDATA")


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(QueryError, match="fits"):
        choose("fits")


_CELLS = {
    Type.BOOLEAN: st.booleans(),
    Type.INT: st.integers(-(2**31), 2**31 - 1),
    Type.DOUBLE: st.floats(allow_nan=False, allow_infinity=False),
    Type.CHAR: st.text("az<&>' 9", min_size=1, max_size=5).map(str.strip),
    Type.UNICODE: st.text(
        st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=4
    ),
}


@st.composite
def tables(draw: Any) -> tuple[tuple[Field, ...], list[tuple[Any, ...]]]:
    kinds = draw(st.lists(st.sampled_from(list(_CELLS)), min_size=1, max_size=11))
    fields = tuple(Field(f"f{place}", kind) for place, kind in enumerate(kinds))
    row = st.tuples(*(st.none() | _CELLS[kind] for kind in kinds))
    return fields, draw(st.lists(row, max_size=6))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables(), st.integers(1, 3))
def test_binary2_of_any_table_is_read_back(
    table: tuple[tuple[Field, ...], list[tuple[Any, ...]]], size: int
) -> None:
    fields, rows = table
    pieces = [batch(rows[at : at + size], fields) for at in range(0, len(rows), size)]
    cells = read(written("votable", pieces, fields)).to_table()
    assert len(cells) == len(rows)
    for place, field in enumerate(fields):
        for number, row in enumerate(rows):
            expected, got = row[place], cells.columns[place][number]
            if field.type.text:
                assert ("" if np.ma.is_masked(got) else str(got)) == (expected or "")
            elif expected is None:
                assert np.ma.is_masked(got)
            else:
                assert got == expected
