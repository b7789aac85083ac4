from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firstlight_services.tap.engines import Engine
from firstlight_services.tap.engines.duckdb.emit import FUNCTIONS, emit
from firstlight_services.tap.models import Catalog
from firstlight_services.tap.policy import Limits
from firstlight_services.tap.query import functions
from firstlight_services.tap.service import plan
from tests.services.tap.conftest import ask, rows_of

GOLDEN = Path(__file__).parent / "golden"
LIMITS = Limits(100, 1000)

QUERIES = {
    "cone": """SELECT TOP 100 objectId, ra, dec, mag_i, clean FROM dp01_dc2_catalogs.object
        WHERE CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 62.0, -37.0, 0.05)) = 1 AND mag_i < 24""",
    "cone_across_zero": """SELECT objectId FROM object
        WHERE 1 = CONTAINS(POINT('', ra, dec), CIRCLE('', 0.01, 10, 1.0/60))""",
    "cone_at_pole": "SELECT objectId FROM object WHERE CONTAINS(POINT(ra, dec), CIRCLE(10, 89.9, 0.5)) = 1",
    "cone_circle_first": """SELECT objectId FROM object
        WHERE CONTAINS(CIRCLE('ICRS', 62, -37, 0.1), POINT('ICRS', ra, dec)) = 1""",
    "cone_outside": "SELECT objectId FROM object WHERE CONTAINS(POINT(ra, dec), CIRCLE(62, -37, 1)) = 0",
    "cone_of_columns": """SELECT o.objectId, t.id FROM object o JOIN truth_match t
        ON CONTAINS(POINT(o.ra, o.dec), CIRCLE(t.ra, t.dec, 0.0003)) = 1""",
    "polygon": """SELECT objectId FROM object
        WHERE CONTAINS(POINT('ICRS', ra, dec), POLYGON('ICRS', 62.1, -37.1, 61.9, -37.1, 62, -36.9)) = 1""",
    "polygon_across_zero": """SELECT objectId FROM object WHERE CONTAINS(POINT(ra + 0, dec),
        POLYGON(359, -1, 1, -1, 1, 1, 359, 1)) = 1 OR CONTAINS(POINT(ra, dec), BOX(0, 0, 0.5, 1)) = 1""",
    "polygon_concave": """SELECT objectId FROM object
        WHERE INTERSECTS(POINT(ra, dec), POLYGON(61, -38, 63, -38, 62, -37.5, 62, -36)) = 1""",
    "polygon_outside": "SELECT objectId FROM object WHERE CONTAINS(POINT(ra, dec), BOX(62, 90, 1, 2)) = 0",
    "distance": """SELECT objectId, DISTANCE(POINT('ICRS', ra, dec), POINT('ICRS', 62, -37)) AS d
        FROM object WHERE DISTANCE(ra, dec, 62.0, -37.0) < 0.1 ORDER BY d""",
    "flags": "SELECT objectId FROM position WHERE detect_isPrimary = 1 AND NOT merge_peak_i",
    "truth_join": """SELECT t.id, o.mag_i FROM dp01_dc2_catalogs.truth_match AS t
        JOIN dp01_dc2_catalogs.object AS o ON t.match_objectId = o.objectId WHERE o.clean = 1""",
    "using": "SELECT objectId, ra, coord_ra FROM object LEFT JOIN position USING (objectId)",
    "full_using": "SELECT objectId FROM object FULL OUTER JOIN position USING (objectId)",
    "grouped": """SELECT patch, COUNT(*) AS n, AVG(mag_i), SUM(clean), COUNT(DISTINCT tract) FROM object
        GROUP BY patch HAVING COUNT(*) > 3 ORDER BY n DESC, patch""",
    "subqueries": """SELECT q.m, (SELECT MAX(b.mag_i) FROM object b WHERE b.tract = q.tract) FROM
        (SELECT TOP 5 tract, mag_i AS m FROM object ORDER BY mag_i) AS q
        WHERE EXISTS (SELECT 1 FROM position) AND q.tract IN (SELECT tract FROM object)""",
    "functions": """SELECT FLOOR(mag_i), 7 / 2, 7 % 2, MOD(tract, 3), ROUND(ra, 2), LOG10(mag_i - 20),
        UPPER(patch) || '!', COALESCE(mag_i, 0), scisql_nanojanskyToAbMag(ra), -ra,
        CASE WHEN clean THEN 'yes' ELSE 'no' END FROM object WHERE SQRT(mag_i - 25) > 0.5""",
    "quotes": """SELECT 'it''s "so"; DROP TABLE x --' AS "a""b; --", "ra" FROM "object" AS "o'"";" """,
    "predicates": """SELECT objectId FROM object WHERE patch LIKE '3%' OR patch NOT IN ('1,1', '2,2')
        AND mag_i BETWEEN -1 AND 25.5e0 AND dec IS NOT NULL AND patch ILIKE '3_4'""",
    "tap_schema": """SELECT column_name, "size" FROM tap_schema.columns
        WHERE table_name = 'dp01_dc2_catalogs.object' ORDER BY column_index""",
    "paged": "SELECT DISTINCT patch FROM object ORDER BY patch OFFSET 5",
}  # fmt: skip


@pytest.mark.parametrize("name", QUERIES)
def test_sql_is_as_reviewed(
    name: str, catalog: Catalog, engine: Engine, rewrite_golden: bool
) -> None:
    sql = plan(QUERIES[name], None, catalog, LIMITS, emit).statement + "\n"
    path = GOLDEN / f"{name}.sql"
    if rewrite_golden:
        path.parent.mkdir(exist_ok=True)
        path.write_text(sql)
    assert sql == path.read_text()
    rows_of(engine, sql)


def test_every_function_has_its_sql() -> None:
    lowered = {"MOD", "SCISQL_NANOJANSKYTOABMAG"}
    known = {*functions.FUNCTIONS, *functions.AGGREGATES, "LEAST", "SIGN"}
    assert set(FUNCTIONS) == known - lowered


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 / 2", 0.5),
        ("7 % 0", None),
        ("2 + 3 * 4", 14),
        ("-(-3)", 3),
        ("1 - -1", 2),
        ("POWER(2, 10)", 1024.0),
        ("SQRT(-1.0)", None),
        ("LOG(EXP(1))", 1.0),
        ("ROUND(2.567, 1)", 2.6),
        ("TRUNCATE(-2.5)", -2.0),
        ("scisql_nanojanskyToAbMag(1000.0)", 23.9),
        ("'a' || 'b'", "ab"),
        ("LOWER('ÄB')", "äb"),
        ("COALESCE(NULL, 3)", 3),
        ("3000000000 + 1", 3000000001),
        ("99999999999999999999", 1e20),
        ("NULL", None),
        ("TRUE", True),
        ("'back\\slash''quote'", "back\\slash'quote"),
        ("CASE WHEN 1 > 2 THEN 1 END", None),
        ("DISTANCE(0, 0, 180, 0)", 180.0),
        ("DISTANCE(10, 90, 200, 90)", 0.0),
        ("CONTAINS(POINT(1, 1), CIRCLE(1, 1, 0))", 1),
    ],
)
def test_expressions_have_their_values(
    expression: str, value: object, catalog: Catalog, engine: Engine
) -> None:
    ((found,),) = ask(f"SELECT {expression}", catalog, engine)
    if isinstance(value, float):
        assert found == pytest.approx(value, abs=1e-12)
    else:
        assert found == value


def test_numbers_that_are_none_meet_no_condition(catalog: Catalog, engine: Engine) -> None:
    # DuckDB alone would hold NaN for greater than any number.
    assert ask("SELECT COUNT(*) FROM object WHERE SQRT(-1 - mag_i) > 0", catalog, engine) == [(0,)]
    assert ask("SELECT COUNT(*) FROM object WHERE mag_i > 0", catalog, engine) == [(570,)]


def test_flags_count_as_numbers(catalog: Catalog, engine: Engine) -> None:
    ((primary, total),) = ask(
        "SELECT SUM(detect_isPrimary), COUNT(*) FROM position WHERE detect_isPrimary IN (0, 1)",
        catalog,
        engine,
    )
    assert (primary, total) == (450, 600)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20))
def test_a_text_comes_back_as_it_was_written(catalog: Catalog, engine: Engine, text: str) -> None:
    written = text.replace("'", "''")
    assert ask(f"SELECT '{written}'", catalog, engine) == [(text,)]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text("a\"'; -)(/*\\é", min_size=1, max_size=12))
def test_a_name_never_reaches_sql(catalog: Catalog, engine: Engine, name: str) -> None:
    written = '"' + name.replace('"', '""') + '"'
    query = f"SELECT TOP 1 {written}.ra AS {written} FROM object AS {written} ORDER BY {written}"
    planned = plan(query, None, catalog, LIMITS, emit)
    assert planned.fields[0].name == name
    assert len(ask(query, catalog, engine)) == 1


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=0))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_number_comes_back_as_it_was_written(
    catalog: Catalog, engine: Engine, number: float
) -> None:
    assert ask(f"SELECT {number!r}", catalog, engine) == [(number,)]
