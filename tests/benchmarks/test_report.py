from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from benchmarks.measure import Comparison, Series
from benchmarks.report import HEADINGS, as_json, as_markdown, as_table, number, row

FASTER = Comparison("parse", "ms", Series((1.0, 2.0, 3.0)), Series((4.0, 8.0, 12.0)), "antlr 4")
SLOWER = Comparison("find", "ms", Series((4.0,)), Series((1.0,)), "SQLite", note="an index")
FIGURE = Comparison("start", "s", Series((5.25,)))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (0.012345, "0.0123"),
        (1, "1.00"),
        (12.345, "12.3"),
        (123.45, "123"),
        (999.9, "1 000"),
        (829_123, "829 000"),
    ],
)
def test_values_have_three_digits(value: float, written: str) -> None:
    assert number(value) == written


def test_a_row_has_medians_and_spreads() -> None:
    expected = ("parse", "ms", "2.00 (1.00–3.00)", "8.00 (4.00–12.0)", "4.00 (4.00–4.00)", "3")
    assert row(FASTER) == (*expected, "antlr 4")


def test_a_figure_is_marked_as_one() -> None:
    cells = dict(zip(HEADINGS, row(FIGURE), strict=True))
    assert cells["peer"] == cells["times better"] == "–"
    assert cells["compared with"] == "– (a figure)"


def test_markdown_is_a_table() -> None:
    lines = as_markdown([FASTER, SLOWER]).splitlines()
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {len(HEADINGS) + 1}


def test_json_has_every_value() -> None:
    document = json.loads(as_json([FASTER, SLOWER, FIGURE], quick=True))
    faster, slower, figure = document["results"]

    assert document["quick"] is True
    assert document["machine"]["cores"] >= 1
    assert faster["ours"] == {"median": 2.0, "values": [1.0, 2.0, 3.0]}
    assert faster["times_better"]["median"] == 4.0
    assert slower["times_better"]["median"] == 0.25
    assert slower["note"] == "an index"
    assert figure["peer"] is figure["times_better"] is figure["compared_with"] is None


def test_the_table_shows_where_the_peer_is_better() -> None:
    output = io.StringIO()
    Console(file=output, width=200, force_terminal=True, color_system="standard").print(
        as_table([FASTER, SLOWER, FIGURE])
    )
    said = output.getvalue()

    assert "\x1b[32m4.00" in said
    assert "\x1b[31m0.250" in said
    assert "below 1 the peer is better" in said
