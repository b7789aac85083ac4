"""NaN is NULL, and infinity a number, in every expression: compared with a model in Python."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cmp_to_key
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firstlight_services.tap.engines.duckdb import tap_schema_file
from firstlight_services.tap.engines.duckdb.load import load
from firstlight_services.tap.engines.duckdb.store import DuckDBEngine
from tests.services.tap.conftest import ask, dp01, engine_of

Cell = float | bool | None
Row = dict[str, float | None]

COLUMNS = {"mag_g": "g", "mag_r": "r", "mag_i": "i", "mag_z": "z"}
SPECIAL = (math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 2.5, -3.0, 1e308, -1e308, 1e-308)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DuckDBEngine, list[Row]]]:
    """An engine over rows of infinities, NaN, zeros and numbers that overflow; and the rows."""
    state = tmp_path_factory.mktemp("odd")
    random = np.random.default_rng(9)
    cells = {name: random.choice(SPECIAL, 80) for name in COLUMNS}
    folder = state / "parquet"
    folder.mkdir()
    count = np.arange(80)
    table = {"objectId": count, "ra": 62 + count / 1000, "dec": -37 + count / 1000, **cells}
    pq.write_table(pa.table(table), folder / "object.parquet")
    load([dp01(state, folder)], tap_schema_file(state))
    engine = engine_of(state, threads=2)
    rows = [{name: _known(float(cells[name][at])) for name in COLUMNS} for at in range(len(count))]
    yield engine, rows
    engine.close()


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


class Model:
    """Makes expressions as ADQL and as functions of a row, by what ADQL says of NULL."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def number(self, depth: int) -> tuple[str, Callable[[Row], float | None]]:
        choice = self.random.choice
        if depth <= 0:
            if self.random.random() < 0.7:
                name = choice(list(COLUMNS))
                return name, lambda row: row[name]
            text = choice(["0", "1", "-2.5", "1e308", "3", "1000"])
            return text, lambda _: float(text)
        shape = choice(["+", "-", "*", "/", "%", "MOD", *ONE, *TWO, "CASE", "COALESCE", "-x"])
        a, left = self.number(depth - 1)
        if shape == "-x":
            return f"(-({a}))", _strict(lambda x: -x, left)
        if shape in ONE:
            return f"{shape}({a})", _strict(ONE[shape], left)
        b, right = self.number(depth - 1)
        if shape == "CASE":
            c, truth = self.truth(depth - 1)
            return (
                f"(CASE WHEN {c} THEN {a} ELSE {b} END)",
                lambda row: left(row) if truth(row) is True else right(row),
            )
        if shape == "COALESCE":
            return (
                f"COALESCE({a}, {b})",
                lambda row: right(row) if (found := left(row)) is None else found,
            )
        if shape in TWO:
            return f"{shape}({a}, {b})", _strict(TWO[shape], left, right)
        written = f"MOD({a}, {b})" if shape == "MOD" else f"({a} {shape} {b})"
        return written, _strict(ARITHMETIC["%" if shape == "MOD" else shape], left, right)

    def truth(self, depth: int) -> tuple[str, Callable[[Row], bool | None]]:
        choice = self.random.choice
        shape = choice([*COMPARED, "BETWEEN", "IN", "IS NULL", "NOT", "AND", "OR"])
        if shape in ("NOT", "AND", "OR") and depth > 0:
            a, one = self.truth(depth - 1)
            if shape == "NOT":
                return f"(NOT {a})", lambda row: None if (v := one(row)) is None else not v
            b, other = self.truth(depth - 1)
            return f"({a} {shape} {b})", lambda row: _logical(shape, one(row), other(row))
        a, left = self.number(depth)
        if shape == "IS NULL":
            return f"({a} IS NULL)", lambda row: left(row) is None
        b, right = self.number(depth)
        if shape in COMPARED:
            compared = COMPARED[shape]
            return f"({a} {shape} {b})", _strict_truth(compared, left, right)
        c, third = self.number(0)
        parts = (left, right, third)
        if shape == "IN":

            def is_in(row: Row) -> bool | None:
                equal = [_strict_truth(COMPARED["="], left, one)(row) for one in parts[1:]]
                return _logical("OR", *equal)

            return f"({a} IN ({b}, {c}))", is_in

        def between(row: Row) -> bool | None:
            low = _strict_truth(COMPARED[">="], left, right)(row)
            return _logical("AND", low, _strict_truth(COMPARED["<="], left, third)(row))

        return f"({a} BETWEEN {b} AND {c})", between


def _strict(
    function: Callable[..., float], *operands: Callable[[Row], float | None]
) -> Callable[[Row], float | None]:
    def value(row: Row) -> float | None:
        found = [one(row) for one in operands]
        if any(one is None for one in found):
            return None
        with np.errstate(all="ignore"):
            return _known(float(function(*map(np.float64, found))))

    return value


def _strict_truth(
    function: Callable[[float, float], bool], *operands: Callable[[Row], float | None]
) -> Callable[[Row], bool | None]:
    def value(row: Row) -> bool | None:
        one, other = (operand(row) for operand in operands)
        return None if one is None or other is None else bool(function(one, other))

    return value


def _logical(operator: str, one: bool | None, other: bool | None) -> bool | None:
    decisive = operator == "OR"
    if decisive in (one, other):
        return decisive
    return None if None in (one, other) else not decisive


def _unless_zero(function: Callable[[float, float], float]) -> Callable[[float, float], float]:
    return lambda x, y: math.nan if y == 0 else function(x, y)


ONE: dict[str, Callable[[float], float]] = {
    "SQRT": np.sqrt, "EXP": np.exp, "ACOS": np.arccos, "ASIN": np.arcsin, "ATAN": np.arctan,
    "ABS": np.abs, "FLOOR": np.floor, "CEILING": np.ceil, "DEGREES": np.degrees,
    "LOG": lambda x: math.nan if x == 0 else np.log(x),
    "LOG10": lambda x: math.nan if x == 0 else np.log10(x),
}  # fmt: skip
TWO: dict[str, Callable[[float, float], float]] = {"POWER": np.power}
ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply,
    "/": _unless_zero(np.divide), "%": _unless_zero(np.fmod),
}  # fmt: skip
COMPARED: dict[str, Callable[[float, float], bool]] = {
    "=": lambda x, y: x == y, "<>": lambda x, y: x != y, "<": lambda x, y: x < y,
    "<=": lambda x, y: x <= y, ">": lambda x, y: x > y, ">=": lambda x, y: x >= y,
}  # fmt: skip


def _same(found: Cell, expected: Cell) -> bool:
    if found is None or expected is None or isinstance(expected, bool):
        return found == expected
    return found == pytest.approx(expected, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("seed", range(6))
def test_an_expression_has_the_models_value(seed: int, odd: tuple[DuckDBEngine, list[Row]]) -> None:
    engine, rows = odd
    catalog = engine.describe()
    model = Model(seed)
    for _ in range(40):
        text, value = model.number(model.random.randrange(1, 3))
        condition, truth = model.truth(model.random.randrange(0, 2))
        query = f"SELECT objectId, {text}, ({text}) IS NULL, {condition} FROM object ORDER BY 1"
        for at, number, is_null, held in ask(query, catalog, engine):
            row = rows[at]
            expected = value(row)
            assert _same(number, expected), (text, row)
            assert is_null is (expected is None), (text, row)
            assert held == truth(row), (condition, row)
        kept = ask(f"SELECT objectId FROM object WHERE {condition}", catalog, engine)
        held_rows = {at for at, row in enumerate(rows) if truth(row) is True}
        assert {at for (at,) in kept} == held_rows, condition


@pytest.mark.parametrize("seed", range(2))
def test_an_expression_is_grouped_and_sorted_as_the_model_does(
    seed: int, odd: tuple[DuckDBEngine, list[Row]]
) -> None:
    engine, rows = odd
    catalog = engine.describe()
    model = Model(100 + seed)
    for _ in range(20):
        text, value = model.number(model.random.randrange(1, 3))
        values = [value(row) for row in rows]
        known = [one for one in values if one is not None]
        ((count, distinct, low, high),) = ask(
            f"SELECT COUNT({text}), COUNT(DISTINCT {text}), MIN({text}), MAX({text}) FROM object",
            catalog,
            engine,
        )
        assert count == len(known), text
        # DuckDB tells two numbers apart that the model's last bit does not.
        if len({f"{one:.9e}" for one in known}) == len(set(known)):
            assert distinct == len(set(known)), text
            groups = ask(f"SELECT {text}, COUNT(*) FROM object GROUP BY {text}", catalog, engine)
            unique = ask(f"SELECT DISTINCT {text} FROM object", catalog, engine)
            assert len(groups) == len(set(values)) == len(unique), text
        assert _same(low, min(known, default=None)), text
        assert _same(high, max(known, default=None)), text
        for direction in ("", " DESC"):
            found = ask(
                f"SELECT {text} AS x FROM object ORDER BY {text}{direction}", catalog, engine
            )
            expected = sorted(known, key=cmp_to_key(_order), reverse=bool(direction))
            expected += [None] * (len(values) - len(known))
            assert all(map(_same, (x for (x,) in found), expected)), text


def _order(one: float, other: float) -> int:
    return (one > other) - (one < other)


@pytest.mark.parametrize(
    "condition",
    [
        "MOD(ra, 0) > 5",
        "MOD(mag_g, mag_g - mag_g) > 5",
        "(1e308 * 10 - 1e308 * 10) > 5",
        "(POWER(10, 400) - POWER(10, 400)) > 5",
        "EXP(1000 * ra) / EXP(1000 * ra) > 5",
        "POWER(1e308 * 10 - 1e308 * 10, 0) > 0",
        "NOT (SQRT(-ra) < 5)",
        "SQRT(-ra) NOT BETWEEN 1 AND 2",
        "SQRT(-ra) NOT IN (1, 2)",
        "SQRT(-ra) <> 1",
        "DISTANCE(POINT(SQRT(-ra), dec), POINT(62, -37)) > 1",
        "DISTANCE(POINT(NULL, dec), POINT(62, -37)) > 1",
        "NOT CONTAINS(POINT(SQRT(-ra), dec), CIRCLE(62, -37, 1)) = 1",
        "NOT CONTAINS(POINT(1e308 * 10 * ra, dec), CIRCLE(62, -37, 1)) = 1",
        "NOT CONTAINS(POINT(ra, dec), CIRCLE(62, -37, SQRT(-ra))) = 1",
        "CONTAINS(POINT(SQRT(-ra), dec), BOX(62, -37, 1, 1)) = 1",
        "NOT CONTAINS(POINT(ra, SQRT(dec)), BOX(62, -37, 1, 1)) = 1",
        "NOT CONTAINS(POINT(1e308 * 10 * ra, dec), POLYGON(0, 0, 1, 0, 1, 1)) = 1",
        "CONTAINS(POINT(SQRT(-ra), dec), POLYGON(0, 0, 2, 0, 2, 2, 1, 1, 0, 2)) = 1",
        "NOT CONTAINS(POINT(ra, SQRT(dec)), POLYGON(0, 0, 2, 0, 2, 2, 1, 1, 0, 2)) = 1",
        "NOT CONTAINS(POINT(ra, NULL), POLYGON(0, 0, 2, 0, 2, 2, 1, 1, 0, 2)) = 1",
        "ra > (SELECT SUM(x) FROM (SELECT 1e308 * 10 AS x FROM object) a) - "
        "(SELECT SUM(x) FROM (SELECT 1e308 * 10 AS x FROM object) b)",
        "ra < ALL_NAN",
    ],
)
def test_nan_meets_no_condition(condition: str, odd: tuple[DuckDBEngine, list[Row]]) -> None:
    engine, _ = odd
    condition = condition.replace("ALL_NAN", "(SELECT MAX(SQRT(-b.ra)) FROM object b)")
    query = f"SELECT COUNT(*) FROM object WHERE {condition}"
    assert ask(query, engine.describe(), engine) == [(0,)]


def test_sums_that_overflow_are_infinite_and_their_difference_is_null(
    odd: tuple[DuckDBEngine, list[Row]],
) -> None:
    engine, _ = odd
    query = (
        "SELECT SUM(x), AVG(x), SUM(x) - SUM(x), SUM(x) - SUM(x) > 5, SUM(CASE WHEN n < 2 THEN x "
        "ELSE -x END), COUNT(x - x) FROM (SELECT 1e308 * 10 AS x, objectId AS n FROM object) q"
    )
    (row,) = ask(query, engine.describe(), engine)
    assert row == (math.inf, math.inf, None, None, None, 0)


def test_the_model_meets_what_it_is_made_for(odd: tuple[DuckDBEngine, list[Row]]) -> None:
    _, rows = odd
    cells = [one for row in rows for one in row.values()]
    assert {None, math.inf, -math.inf, 0.0} <= set(cells)
