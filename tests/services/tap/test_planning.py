"""Planning takes linear time, within stated limits, and can be stopped."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from firstlight_services.tap.adql import parse
from firstlight_services.tap.engines.duckdb.emit import emit
from firstlight_services.tap.errors import QueryError
from firstlight_services.tap.models import Catalog
from firstlight_services.tap.policy import Limits
from firstlight_services.tap.query.size import (
    MOST_COLUMNS,
    MOST_DISTINCT,
    MOST_LEVELS,
    MOST_TABLES,
    MOST_TEXT,
    MOST_VERTICES,
)
from firstlight_services.tap.service import plan
from firstlight_services.tap.stopping import Stop, StoppedError, checkpoint
from tests.services.tap.conftest import comb

_TOOL = 4
"""A number that `sys.monitoring` leaves to us."""


class Steps:
    """Counts the bytecode instructions of this thread."""

    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        thread = threading.get_ident()

        def one(*_: object) -> None:
            if threading.get_ident() == thread:
                self.count += 1

        monitoring = sys.monitoring
        monitoring.use_tool_id(_TOOL, "steps")
        monitoring.register_callback(_TOOL, monitoring.events.INSTRUCTION, one)
        monitoring.set_events(_TOOL, monitoring.events.INSTRUCTION)
        try:
            yield
        finally:
            monitoring.set_events(_TOOL, 0)
            monitoring.free_tool_id(_TOOL)


def planned(query: str, catalog: Catalog) -> str:
    """Plan a query; return the code of the error that refuses it, or an empty string."""
    try:
        plan(query, None, catalog, Limits(10, 10), emit)
    except QueryError as error:
        return error.code
    return ""


def steps(query: str, catalog: Catalog) -> int:
    counter = Steps()
    with counter.counted():
        planned(query, catalog)
    return counter.count


def _list(count: int, one: Callable[[int], str], by: str = ", ") -> str:
    return by.join(map(one, range(count)))


def _nested(count: int, before: str, inner: str, after: str) -> str:
    return before * count + inner + after * count


LONG = f"'{'x' * 1000}'"


def _doubled(value: str, levels: int, table: str = "object") -> str:
    """Return a query whose text doubles with each level."""
    return (
        "SELECT s || s AS s FROM (" * levels
        + f"SELECT {value} AS s FROM {table}"
        + ("".join(f") AS q{n}" for n in range(levels)))
    )


def _inlined(count: int, value: str) -> str:
    """Return a query with conditions on a subquery's column, into which engines move them."""
    conditions = _list(count, lambda n: f"x = {n}", " OR ")
    return f"SELECT 1 FROM (SELECT {value} AS x FROM object) AS q WHERE {conditions}"


SHAPES: dict[str, tuple[int, Callable[[int], str]]] = {
    "columns": (60, lambda n: f"SELECT {_list(n, lambda _: 'ra')} FROM object"),
    "stars": (2, lambda n: f"SELECT {_list(n, lambda _: 'f.*')} FROM forced_photometry f"),
    "too many stars": (80, lambda n: f"SELECT {_list(n, lambda _: 'f.*')} FROM forced_photometry f"),
    "aliases": (
        40,
        lambda n: f"SELECT {_list(n, lambda i: f'ra AS a{i}')} FROM object "
        f"ORDER BY {_list(n, lambda i: f'a{i}')}",
    ),
    "groups": (
        30,
        lambda n: f"SELECT {_list(n, lambda i: f'ra + {i}')} FROM object "
        f"GROUP BY {_list(n, lambda i: f'ra + {i}')} ORDER BY {_list(n, lambda i: f'ra + {i}')}",
    ),
    "aliases in GROUP BY": (
        30,
        lambda n: f"SELECT {_list(n, lambda i: f'ra + {i} AS a{i}')} FROM object "
        f"GROUP BY {_list(n, lambda i: f'a{i}')}",
    ),
    "IN": (100, lambda n: f"SELECT 1 FROM object WHERE tract IN ({_list(n, str)})"),
    "IN of expressions": (50, lambda n: f"SELECT 1 FROM object WHERE ra IN ({_list(n, 'ra / {}'.format)})"),
    "AND": (50, lambda n: f"SELECT 1 FROM object WHERE {_list(n, 'ra - dec > {}'.format, ' AND ')}"),
    "OR": (50, lambda n: f"SELECT 1 FROM object WHERE {_list(n, 'ra = {}'.format, ' OR ')}"),
    "HAVING": (
        40,
        lambda n: "SELECT 1 FROM object GROUP BY ra, ra + dec HAVING "
        + _list(n, "ra + dec > {}".format, " AND "),
    ),
    "functions": (40, lambda n: f"SELECT {_nested(n, 'SQRT(', 'ra', ')')} FROM object"),
    "grouped functions": (
        20,
        lambda n: f"SELECT {_nested(n, 'SQRT(', 'ra', ')')} FROM object "
        f"GROUP BY {_nested(n, 'SQRT(', 'ra', ')')}",
    ),
    "parentheses": (60, lambda n: f"SELECT {_nested(n, '(', 'ra', ')')} FROM object"),
    "sum": (40, lambda n: f"SELECT {_list(n, lambda _: 'ra', ' + ')} FROM object"),
    "CASE": (40, lambda n: f"SELECT CASE {_list(n, lambda i: f'WHEN ra > {i} THEN {i}', ' ')} END FROM object"),
    "COALESCE": (100, lambda n: f"SELECT COALESCE({_list(n, lambda _: 'ra')}) FROM object"),
    "subqueries": (7, lambda n: _nested(n, "SELECT a FROM (", "SELECT ra AS a FROM object", ") AS q")),
    "wide subqueries": (7, lambda n: _nested(n, "SELECT * FROM (", "SELECT ra, dec FROM object", ") AS q")),
    "counting subqueries": (
        6,
        lambda n: _nested(n, "SELECT COUNT(*) + (", "SELECT COUNT(*) FROM object", ") FROM object"),
    ),
    "joins": (
        14,
        lambda n: "SELECT t0.ra FROM object AS t0 "
        + _list(n, lambda i: f"JOIN object AS t{i + 1} ON t{i + 1}.tract = t{i}.tract", " "),
    ),
    "USING": (
        14,
        lambda n: "SELECT objectId FROM object AS t0 "
        + _list(n, lambda i: f"JOIN object AS t{i + 1} USING (objectId)", " "),
    ),
    "a mistake deep inside": (
        40,
        lambda n: f"SELECT {_nested(n, '(1 + ', '1 IN (' + '1, ' * n + '1)', ')')} + 'x' FROM object",
    ),
    "strings": (100, lambda n: "SELECT " + "'a' " * n),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_twice_the_query_takes_twice_the_steps(shape: str, catalog: Catalog) -> None:
    count, query = SHAPES[shape]
    planned(query(2 * count), catalog)
    nothing = steps("SELECT ra FROM object", catalog)
    once, twice = (steps(query(count * factor), catalog) - nothing for factor in (1, 2))
    # Quadratic time would be 4 times as many.
    assert twice <= 2.5 * max(once, nothing), (once, twice)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (f"SELECT {'f.*, ' * 1000}1 FROM forced_photometry f", "too_many_columns"),
        (f"SELECT '{'x' * (MOST_TEXT + 1)}' FROM object", "too_much_text"),
        (f"SELECT {LONG}, {LONG}, {LONG}, {LONG}, {LONG} FROM object", "too_much_text"),
        (f"SELECT MAX({LONG} || {LONG} || {LONG} || {LONG} || {LONG}) FROM object", "too_much_text"),
        (f"SELECT 1 FROM object WHERE {'||'.join([LONG] * 5)} = 'x'", "too_much_text"),
        (f"SELECT 1 FROM object ORDER BY {'||'.join([LONG] * 5)}", "too_much_text"),
        (f"SELECT 1 FROM object a JOIN object b ON {'||'.join([LONG] * 5)} = 'x'", "too_much_text"),
        (f"SELECT (SELECT {LONG} || {LONG} AS s) || {LONG} || {LONG} || {LONG}", "too_much_text"),
        (_inlined(40, _list(200, lambda n: f"DISTANCE(ra, dec, {n}, 0)", " + ")), "too_deep"),
        (_inlined(40, f"CONTAINS(POINT(ra, dec), POLYGON({comb(MOST_VERTICES)}))"), "too_deep"),
        ("SELECT 1 FROM (" + "SELECT x + x AS x FROM (" * 15 + "SELECT ra + 1 AS x FROM object" + "".join(f") AS q{n}" for n in range(15)) + ") AS q WHERE x + x + x + x > 1", "too_deep"),
        (_doubled("'x'", 12), "too_much_text"),
        (_doubled("description", 8, "tap_schema.columns"), "too_much_text"),
        (f"SELECT {'ra, ' * MOST_COLUMNS}ra FROM object", "too_many_columns"),
        (f"SELECT {'q.*, ' * 40}1 FROM (SELECT * FROM object) AS q", "too_many_columns"),
        (f"SELECT 1 FROM object WHERE EXISTS (SELECT {'f.*, ' * 9}1 FROM forced_photometry f)", "too_many_columns"),
        ("SELECT 1 FROM " + ", ".join(f"object AS t{n}" for n in range(MOST_TABLES + 1)), "too_many_tables"),
        ("SELECT 1 FROM object WHERE " + " OR ".join(["EXISTS (SELECT 1 FROM object)"] * 40), "too_many_tables"),
        ("SELECT " + ", ".join(["(SELECT 1)"] * 40), "too_many_subqueries"),
        (_nested(MOST_LEVELS + 1, "SELECT (", "SELECT 1", ")"), "too_deep"),
        ("SELECT " + ", ".join(f"COUNT(DISTINCT ra + {n})" for n in range(MOST_DISTINCT + 1)) + " FROM object", "too_many_distinct"),
    ],
)  # fmt: skip
def test_what_an_engine_would_plan_for_minutes_is_refused(
    query: str, code: str, catalog: Catalog
) -> None:
    assert planned(query, catalog) == code


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT {'f.*, ' * (MOST_COLUMNS // 747 - 1)}1 FROM forced_photometry f",
        "SELECT 1 FROM " + ", ".join(f"object AS t{n}" for n in range(MOST_TABLES)),
        _nested(MOST_LEVELS, "SELECT (", "SELECT 1", ")"),
        _inlined(1, f"CONTAINS(POINT(ra, dec), POLYGON({comb(MOST_VERTICES)}))"),
        _inlined(500, "DISTANCE(ra, dec, 62, -37)"),
        "SELECT " + ", ".join(f"COUNT(DISTINCT ra + {n})" for n in range(MOST_DISTINCT)) + " FROM object",
    ],
)  # fmt: skip
def test_what_is_just_within_the_limits_is_planned(query: str, catalog: Catalog) -> None:
    assert planned(query, catalog) == ""


def test_a_star_is_counted_before_it_is_expanded(catalog: Catalog) -> None:
    stars = "f.*, " * 200
    narrow = steps(f"SELECT {stars}1 FROM tap_schema.key_columns f", catalog)
    wide = steps(f"SELECT {stars}1 FROM forced_photometry f", catalog)
    assert wide < 2 * narrow


@pytest.mark.parametrize("after", [0, 50, 500, 2000, 6000])
def test_planning_stops_wherever_it_is(after: int, catalog: Catalog) -> None:
    passed = 0
    parse("SELECT 1")

    class Counting(Stop):
        @property
        def is_set(self) -> bool:
            nonlocal passed
            passed += 1
            return passed > after

    query = "SELECT ra FROM object WHERE " + " AND ".join(f"ra > {n}" for n in range(2000))
    with Counting().watched(), pytest.raises(StoppedError):
        plan(query, None, catalog, Limits(10, 10), emit)
    assert passed == after + 1


def test_without_a_stop_nothing_is_stopped() -> None:
    stop = Stop()
    stop.set()
    checkpoint()
    with stop.watched(), pytest.raises(StoppedError):
        checkpoint()
    checkpoint()
