"""What engines must agree on is in the tree, whatever the query says it with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import pytest

from firstlight_services.tap.adql import parse
from firstlight_services.tap.errors import QueryError
from firstlight_services.tap.models import Catalog, Type
from firstlight_services.tap.query import lower, resolve, tree
from tests.services.tap.test_any_query import _Maker

REMOVED = (tree.Point, tree.Circle, tree.Polygon, tree.Within, tree.Distance)
CONE = "CONTAINS(POINT(ra, dec), CIRCLE(62, -37, 0.1)) = 1"
POLYGON = "CONTAINS(POINT(ra, dec), POLYGON(61, -38, 63, -38, 62, -36)) = 1"
NOTCHED = "CONTAINS(POINT(ra, dec), POLYGON(61, -38, 63, -38, 63, -36, 62, -37, 61, -36)) = 1"


def lowered(query: str, catalog: Catalog) -> tree.Query:
    return lower(resolve(parse(query), catalog, query))


def output(expression: str, catalog: Catalog) -> tree.Value:
    """Return the lowered expression, without the conversion to the result's type."""
    (found,) = lowered(f"SELECT {expression} FROM object", catalog).outputs
    assert isinstance(found.value, tree.Cast)
    return found.value.operand


def where(condition: str, catalog: Catalog) -> tree.Value:
    found = lowered(f"SELECT 1 FROM object WHERE {condition}", catalog).where
    assert found is not None
    return found


def parts(part: object) -> Iterator[object]:
    """Yield a part of a tree and everything in it, subqueries included."""
    yield part
    if isinstance(part, tuple):
        for one in part:
            yield from parts(one)
    elif is_dataclass(part):
        for known in fields(part):
            yield from parts(getattr(part, known.name))


@pytest.mark.parametrize("seed", range(2))
def test_no_geometry_is_left_in_any_query(seed: int, catalog: Catalog) -> None:
    maker = _Maker(seed)
    for _ in range(60):
        query = maker.query()
        try:
            found = lowered(query, catalog)
        except QueryError:
            continue
        assert not [one for one in parts(found) if isinstance(one, REMOVED)], query


def test_division_is_true_and_never_by_zero(catalog: Catalog) -> None:
    assert isinstance(output("1 / 2", catalog), tree.Divide)
    for expression in ("ra / tract", "1 / 0"):
        (found,) = [
            one for one in tree.walk(output(expression, catalog)) if isinstance(one, tree.Divide)
        ]
        assert isinstance(found.right, tree.NullIf)
    constant = output("ra / 2", catalog)
    assert isinstance(constant, tree.Divide)
    assert constant.right == tree.Constant(Type.INT, 2)


@pytest.mark.parametrize("expression", ["tract % objectId", "MOD(tract, objectId)"])
def test_modulus_is_never_by_zero(expression: str, catalog: Catalog) -> None:
    found = output(expression, catalog)
    assert isinstance(found, tree.Arithmetic)
    assert isinstance(found.right, tree.NullIf)


@pytest.mark.parametrize("name", ["LOG", "LOG10", "scisql_nanojanskyToAbMag"])
def test_logarithms_are_never_of_zero(name: str, catalog: Catalog) -> None:
    found = output(f"{name}(ra)", catalog)
    assert isinstance(found, tree.NanToNull)
    (logarithm,) = [one for one in tree.walk(found) if isinstance(one, tree.Call)]
    assert isinstance(logarithm.arguments[0], tree.NullIf)


@pytest.mark.parametrize(
    "condition",
    ["SQRT(ra) > 1", "1 BETWEEN SQRT(ra) AND 2", "SQRT(ra) IN (1, 2)", "SQRT(ra) IS NULL"],
)
def test_nan_is_null_where_it_is_compared(condition: str, catalog: Catalog) -> None:
    assert any(isinstance(one, tree.NanToNull) for one in tree.walk(where(condition, catalog)))


def test_nan_is_null_in_aggregates(catalog: Catalog) -> None:
    found = output("COUNT(SQRT(ra))", catalog)
    assert isinstance(found, tree.Call)
    assert isinstance(found.arguments[0], tree.NanToNull)


def test_integers_are_calculated_with_64_bits(catalog: Catalog) -> None:
    found = output("tract * 2", catalog)
    assert isinstance(found, tree.Arithmetic)
    assert isinstance(found.left, tree.Cast)
    assert found.left.type is Type.LONG


def test_nulls_are_last_in_any_direction(catalog: Catalog) -> None:
    found = lowered("SELECT ra FROM object ORDER BY dec DESC, ra", catalog)
    assert [one.nulls_last for one in found.order_by] == [True, True]


def test_a_cone_in_a_filter_has_its_box_before_it(catalog: Catalog) -> None:
    found = where(CONE, catalog)
    assert isinstance(found, tree.Logical)
    assert [type(one) for one in found.operands] == [tree.Between, tree.Between, tree.Comparison]


@pytest.mark.parametrize(("condition", "operator"), [(POLYGON, "AND"), (NOTCHED, "OR")])
def test_a_polygon_in_a_filter_has_its_ranges_before_it(
    condition: str, operator: str, catalog: Catalog
) -> None:
    found = where(condition, catalog)
    assert isinstance(found, tree.Logical)
    *ranges, exact = found.operands
    assert [type(one) for one in ranges] == [tree.Between, tree.Between]
    assert isinstance(exact, tree.Logical)
    assert exact.operator == operator


@pytest.mark.parametrize("condition", [f"NOT {CONE}", f"({CONE}) IS NULL", f"NOT {POLYGON}"])
def test_a_shape_of_which_more_than_the_truth_counts_has_no_ranges(
    condition: str, catalog: Catalog
) -> None:
    found = where(condition, catalog)
    assert not [one for one in tree.walk(found) if isinstance(one, tree.Between)]


def test_what_is_grouped_by_looks_the_same_everywhere(catalog: Catalog) -> None:
    query = lowered(
        "SELECT SQRT(ra), COUNT(*) FROM object GROUP BY SQRT(ra) HAVING SQRT(ra) > 1 ORDER BY 2",
        catalog,
    )
    (key,) = query.group_by
    assert isinstance(key, tree.NanToNull)
    assert query.outputs[0].value == tree.Cast(Type.DOUBLE, key)
    assert isinstance(query.having, tree.Comparison)
    assert query.having.left == key
