from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight_services.tap.adql import ast, parse
from firstlight_services.tap.errors import QueryError


@pytest.mark.parametrize(
    "query",
    [
        "select a from t",
        "SELECT TOP 5 * FROM s.t AS x WHERE a < 1 AND NOT b OR c = 'it''s'",
        'select "select", t.* from t',
        "select count(*), count(distinct a) from t group by b having count(*) > 1 order by 1 desc",
        "select a from t join u on t.x = u.x left outer join v using (y, z), w",
        "select a from (select b as a from t) as q where a in (1, 2) and b not in (select c from d)",
        "select case when a > 1 then 'x' else null end from t -- comment\n;",
        "select a from t where x not like 'a%' and y ilike 'b_' and z is not null offset 3",
        "select a from t where exists (select 1 from u) and b not between -1 and +2.5e-3",
        "select order_id, topmost, liked from selected",
    ],
)
def test_adql_is_read(query: str) -> None:
    assert isinstance(parse(query), ast.Select)


def test_and_binds_tighter_than_or() -> None:
    where = parse("select a from t where a = 1 or b = 2 and c = 3").where
    assert isinstance(where, ast.Binary)
    assert where.operator == "OR"


def test_a_sign_before_a_number_is_part_of_it() -> None:
    assert parse("select -37.5 from t").items[0].expression == ast.Literal(-37.5)


def test_positions_are_counted_from_one() -> None:
    column = parse("select a,\n  bb from t").items[1].expression
    assert isinstance(column, ast.Column)
    assert column.names[0].position == ast.Position(2, 3)


@pytest.mark.parametrize(
    ("query", "said", "hinted"),
    [
        ("", "empty", "SELECT"),
        ("drop table object", "starts with SELECT", "read-only"),
        ("attach 'x'", "starts with SELECT", ""),
        ("select a from t limit 5", "Unexpected", "TOP 10"),
        ("select a from t where a == 1", "Unexpected", "single ="),
        ("select a, from t", "Unexpected", "extra comma"),
        ("select a b c from t", "Unexpected", "comma or an operator may be missing"),
        ("select 'a from t", "is not closed", "single quote"),
        ("select a from t where (a = 1", "too early", "parenthesis"),
        ("select [a]", "not allowed here", "parentheses"),
        ("select a from t; select b from t", "Unexpected", "one query"),
        ("select a from t union select b from t", "Unexpected", "UNION is not supported"),
        ("select a from t natural join u", "Unexpected", "USING"),
        ("select top 5 distinct a from t", "Unexpected", "right after SELECT"),
        ("select from from t", "Unexpected", "double quotes"),
        ("select a from t where b = ‘x’", "not allowed here", "straight"),
        ("select a\0 from t", "NUL", ""),
        ("select top 1.5 a from t", "Unexpected 1.5: expected a number", ""),
        ("select 1abc from t", "not a number", "digit"),
        ("select cast(a as integer) from t", "Unexpected", "CAST is not supported"),
        ("select " + "(" * 300 + "1" + ")" * 300, "nested", ""),
        ("select '" + "x" * 100_001 + "'", "longer", ""),
    ],
)
def test_what_is_no_adql_is_explained(query: str, said: str, hinted: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(query)
    assert said in caught.value.message
    assert hinted in caught.value.hint


def test_the_caret_points_at_the_place_in_a_long_line() -> None:
    query = "select " + "a, " * 200 + "a a a from t"
    with pytest.raises(QueryError) as caught:
        parse(query)
    _, shown, caret = caught.value.message.split("\n")
    assert len(shown) < 110
    assert shown[caret.index("^")] == "a"


@given(st.text(alphabet="select from where'\"()*,.=<>0159abANDor-/\n", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for query in (text, f"select {text} from t", f"select a from t where {text}"):
        try:
            parse(query)
        except QueryError:
            continue
