from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstlight_services.tap.adql import parse
from firstlight_services.tap.engines.duckdb.emit import emit
from firstlight_services.tap.errors import QueryError
from firstlight_services.tap.models import Catalog, Type
from firstlight_services.tap.policy import Limits
from firstlight_services.tap.query import resolve, tree
from firstlight_services.tap.service import plan

LIMITS = Limits(100, 1000)


def resolved(query: str, catalog: Catalog) -> tree.Query:
    return resolve(parse(query), catalog, query)


def refusal(query: str, catalog: Catalog) -> QueryError:
    with pytest.raises(QueryError) as caught:
        plan(query, None, catalog, LIMITS, emit)
    return caught.value


@pytest.mark.parametrize(
    ("query", "code", "said", "hinted"),
    [
        ("select a from objcet", "unknown_table", "no table objcet. (line 1, column 15)", "object"),
        ("select ra from x.object", "unknown_table", "no table x.object", "dp01_dc2_catalogs.object"),
        ('select ra from "Object"', "unknown_table", "no table Object", "object"),
        ("select mag_j from object", "unknown_column", "mag_j in object", "mag_"),
        ('select "RA" from object', "unknown_column", '"RA"', "ra"),
        ('select ra from object where patch = "3,4"', "unknown_column", '"3,4"', "single"),
        ("select p.ra from object o", "unknown_table", "called p", "o"),
        ("select object.ra from object o", "unknown_table", "called object", "o"),
        ("select ra from object, truth_match", "ambiguous_column", "in object and truth", "object.ra"),
        ("select 1 from object, object", "duplicate_table", "called object", "AS x"),
        ("select sqroot(ra) from object", "unknown_function", "SQROOT", "SQRT"),
        ("select sqrt(ra, dec) from object", "bad_arguments", "1 arguments, not 2", ""),
        ("select sqrt(patch) from object", "type_mismatch", "number is required", ""),
        ("select round(ra, 1.5) from object", "type_mismatch", "integer is required", ""),
        ("select lower(ra) from object", "type_mismatch", "string is required", "quotes"),
        ("select sum(*) from object", "bad_arguments", "COUNT", ""),
        ("select sqrt(distinct ra) from object", "bad_arguments", "DISTINCT", ""),
        ("select patch from object where patch = 3", "type_mismatch", "cannot be combined", "quotes"),
        ("select ra from object where clean = 'true'", "type_mismatch", "truth value", "clean = 1"),
        ("select ra from object where ra", "type_mismatch", "condition", "x > 0"),
        ("select ra, count(*) from object", "not_grouped", "ra has several", "GROUP BY"),
        ("select dec from object group by ra", "not_grouped", "dec has several", "GROUP BY"),
        ("select ra from object where count(*) > 1", "bad_aggregate", "WHERE", "HAVING"),
        ("select max(count(*)) from object", "bad_aggregate", "MAX", ""),
        ("select ra from object order by 2", "bad_ordinal", "from 1 to 1", ""),
        ("select distinct ra from object order by dec", "not_supported", "DISTINCT", "Select"),
        ("select point(ra, dec) from object", "not_supported", "POINT", "columns"),
        ("select ra from object where contains(ra, dec) = 1", "bad_arguments", "POINT", "CIRCLE"),
        ("select distance(ra, dec) from object", "bad_arguments", "two points", ""),
        ("select distance(point('FK4', ra, dec), point(1, 2)) from object", "bad_arguments", "ICRS", ""),
        ("select distance(point(ra, 95), point(1, 2)) from object", "bad_arguments", "-90 and 90", ""),
        (
            "select 1 from object where 1 = contains(point(ra, dec), circle(1, 2, -1))",
            "bad_arguments",
            "between 0 and 180",
            "",
        ),
        ("select 1 from object join truth_match using (nope)", "unknown_column", "nope", ""),
        ("select 1 from object join truth_match", "bad_join", "needs a condition", "USING"),
        ("select 1 from object cross join truth_match on 1 = 1", "bad_join", "does not take a condition", ""),
        ("select (select ra, dec from object) from object", "bad_subquery", "one column", ""),
        ("select * from read_csv", "unknown_table", "read_csv", ""),
        ("select * from \"/etc/passwd\"", "unknown_table", "/etc/passwd", ""),
        ("select read_text('/etc/passwd') from object", "unknown_function", "READ_TEXT", ""),
        ("select getenv('HOME') from object", "unknown_function", "GETENV", ""),
        ("select * from main.firstlight_metadata", "unknown_table", "metadata", ""),
        ("select * from information_schema.tables", "unknown_table", "information_schema", ""),
        ("select 1e999 from object", "out_of_range", "too large", ""),
        ("select *", "no_table", "no table", ""),
        ("select dp01_dc2_catalogs.object.x.ra from object", "unknown_table", "object.x", "object"),
        ("select count(*) from object group by 1", "bad_aggregate", "COUNT is not allowed in GROUP BY. (line 1, column 8)", ""),
        ("select ra from object group by 2", "bad_ordinal", "GROUP BY takes columns, or numbers from 1 to 1", ""),
        ("select ra from object order by true", "bad_ordinal", "ORDER BY", ""),
        ("select ra from object order by 'ra'", "bad_ordinal", "ORDER BY", ""),
        (
            "select patch, (select max(b.ra) from object b where b.tract = a.tract) from object a group by patch",
            "not_grouped",
            "tract has several",
            "GROUP BY",
        ),
        ("select max(ra) from object a having exists (select 1 from position where objectId = a.objectId)", "not_grouped", "objectId", ""),
        ("select mag_i as m from object where m < 3", "unknown_column", "no column m", "m is an alias from SELECT"),
        ("select count(*) as n from object group by patch having n > 3", "unknown_column", "no column n", "Write out"),
        ("select ra from object where contains(point(ra, dec), region('x')) = 1", "unknown_function", "REGION", "The shapes are CIRCLE, POLYGON and BOX"),
        ("select median(ra) from object", "unknown_function", "MEDIAN", "AVG, MIN and MAX"),
        ("select ln(ra) from object", "unknown_function", "LN", "LOG(x)"),
        ("select q.ra from (select ra, ra from object) as q", "ambiguous_column", "in q.", "SELECT a AS x"),
        ("select " + "1" * 5000, "out_of_range", "too large", ""),
        ("select " + "log10(" * 9 + "ra" + ")" * 9 + " from object", "too_deep", "too deeply", ""),
    ],
)  # fmt: skip
def test_a_query_that_means_nothing_is_explained(
    query: str, code: str, said: str, hinted: str, catalog: Catalog
) -> None:
    error = refusal(query, catalog)
    assert error.code == code
    assert said in error.message
    assert hinted in error.hint


def test_an_error_shows_its_line_with_a_caret(catalog: Catalog) -> None:
    error = refusal("SELECT ra\nFROM object\nWHERE magi < 3", catalog)
    assert error.message == (
        "There is no column magi in object. (line 3, column 7)\n  WHERE magi < 3\n        ^"
    )
    assert error.hint == "Did you mean mag_i or magerr_i or mag_z?"


@pytest.mark.parametrize(
    "query",
    [
        "select {} from object",
        "select {}.ra from object",
        "select ra from {}",
        "select {}(ra) from object",
        "select ra from object as {}, object as {}",
        "select ra as {} from object where {} > 1",
        "select ra as {} from object group by {} having {} > 1",
    ],
)
def test_an_endless_name_makes_no_endless_error(query: str, catalog: Catalog) -> None:
    error = refusal(query.replace("{}", "x" * 20_000), catalog)
    assert len(error.message) + len(error.hint) < 1000


def test_names_are_found_without_regard_to_case(catalog: Catalog) -> None:
    query = resolved("select O.OBJECTID from DP01_DC2_CATALOGS.Object o", catalog)
    assert [one.field.name for one in query.outputs] == ["objectId"]


def test_fields_say_what_the_schema_says(catalog: Catalog) -> None:
    query = resolved("select ra as alpha, count(*), avg(mag_i) from object group by ra", catalog)
    alpha, count, mean = (one.field for one in query.outputs)
    assert (alpha.name, alpha.type, alpha.unit, alpha.ucd) == (
        "alpha", Type.DOUBLE, "deg", "pos.eq.ra",
    )  # fmt: skip
    assert (count.name, count.type) == ("count", Type.LONG)
    assert (mean.type, mean.unit) == (Type.DOUBLE, "mag")


def test_repeated_names_are_numbered(catalog: Catalog) -> None:
    query = resolved("select o.ra, t.ra, o.ra as ra from object o, truth_match t", catalog)
    assert [one.field.name for one in query.outputs] == ["ra", "ra_2", "ra_3"]


def test_a_star_stands_for_the_columns_in_the_schemas_order(catalog: Catalog) -> None:
    query = resolved("select t.* from object o join truth_match t on 1 = 1", catalog)
    assert len(query.outputs) == 30
    assert query.outputs[0].field.name == "id"


def test_truth_values_compared_with_numbers_become_conditions(catalog: Catalog) -> None:
    query = resolved("select ra from object where clean = 1", catalog)
    assert isinstance(query.where, tree.ColumnRef)
    query = resolved("select ra from object where 0 = clean", catalog)
    assert isinstance(query.where, tree.Not)


def test_a_chain_of_a_thousand_conditions_is_no_trouble(catalog: Catalog) -> None:
    chain = " or ".join(f"tract = {one}" for one in range(1000))
    assert (
        "OR" in plan(f"select ra from object where {chain}", None, catalog, LIMITS, emit).statement
    )


@pytest.mark.parametrize("query", ["select " + "- " * 20_000 + "ra from object",
                                   "select " + "ra+" * 20_000 + "ra from object"])  # fmt: skip
def test_a_chain_too_long_is_refused(query: str, catalog: Catalog) -> None:
    assert refusal(query, catalog).code == "too_deep"


def test_a_ladder_of_guards_is_refused(catalog: Catalog) -> None:
    ladder = "mag_i"
    for _ in range(12):
        ladder = f"coalesce(sqrt({ladder}), 1.0)"
    assert refusal(f"select {ladder} from object", catalog).code == "too_deep"


WORDS = """
select from where object truth_match ra dec clean patch count ( ) * , . = < 1 'x' and or not
group by order join on using avg sqrt point circle contains distance in as t
"""


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(WORDS.split()), max_size=14))
def test_any_words_are_planned_or_refused(catalog: Catalog, words: list[str]) -> None:
    for query in (f"select {' '.join(words)}", f"select ra from object where {' '.join(words)}"):
        try:
            plan(query, None, catalog, LIMITS, emit)
        except QueryError:
            continue


@pytest.mark.parametrize("depth", [12, 40])
def test_distances_of_distances_are_refused_before_they_grow(catalog: Catalog, depth: int) -> None:
    inner = "DISTANCE(POINT('ICRS', 1, " * depth + "dec" + "), POINT('ICRS', 1, 1))" * depth
    # What is written doubles with each level: without a limit, this would not end.
    assert refusal(f"select {inner} from object", catalog).code == "too_deep"


def test_a_distance_of_a_distance_is_fine(catalog: Catalog) -> None:
    inner = "DISTANCE(POINT('ICRS', 1, dec), POINT('ICRS', 1, 1))"
    text = f"select DISTANCE(POINT('ICRS', 1, {inner}), POINT('ICRS', 1, 1)) from object"
    assert plan(text, None, catalog, LIMITS, emit).statement
