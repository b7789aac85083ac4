"""What queries mean, by what the engine answers."""

from __future__ import annotations

from typing import Any

import pytest

from firstlight_services.tap.engines import Engine
from firstlight_services.tap.models import Catalog
from tests.services.tap.conftest import ask


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        # Precedence and signs.
        ("SELECT 2*3+4*5, 2-3-4, 8/4/2, -2*-3, 1+-1, 10%4*2", [(26, -5, 1.0, 6, 0, 4)]),
        ("SELECT NOT 1=2 AND 1=1 OR 1=0, NOT (1=1 OR 1=1 AND 1=2)", [(True, False)]),
        ("SELECT -0.0 = 0, ABS(-0.0), -(0.0)", [(True, 0.0, -0.0)]),
        # Literals.
        ("SELECT 1.e2, .5, 5., 1E+3, 1e-3, 007", [(100.0, 0.5, 5.0, 1000.0, 0.001, 7)]),
        ("SELECT '--no comment', '/* nor this */' -- but 'this", [("--no comment", "/* nor this */")]),
        ("SELECT /* a */ 'it''s' 'joined' /* b */ || '★'", [("it'sjoined★",)]),
        ("SELECT 9223372036854775807", [(2**63 - 1,)]),
        # NULL.
        ("SELECT NULL=NULL, NULL<>1, NOT NULL, NULL IN (1), 1 IN (2, NULL)", [(None,) * 5]),
        ("SELECT NULL IS NULL, 1 NOT IN (2, NULL), NULL BETWEEN 1 AND 2", [(True, None, None)]),
        ("SELECT NULL||'a', LOWER(NULL), -NULL, ROUND(1.5, NULL), SQRT(NULL)", [(None,) * 5]),
        ("SELECT TRUE OR NULL, FALSE AND NULL, TRUE AND NULL", [(True, False, None)]),
        ("SELECT COUNT(*), COUNT(mag_g), MAX(mag_g), SUM(mag_g) FROM object", [(600, 0, None, None)]),
        ("SELECT COUNT(*) FROM object WHERE mag_g = mag_g OR mag_g <> 1", [(0,)]),
        ("SELECT COUNT(*) FROM object WHERE clean = 1", [(392,)]),
        ("SELECT COUNT(*) FROM object WHERE NOT clean = 1", [(196,)]),
        # No infinities: they would be greater than any limit.
        ("SELECT 1/0, 1.0/0, -1/0.0, 0/0, LOG10(0), LOG(-1), ACOS(2)", [(None,) * 7]),
        ("SELECT scisql_nanojanskyToAbMag(0), scisql_nanojanskyToAbMag(-1)", [(None, None)]),
        ("SELECT COUNT(*) FROM object WHERE ra / (tract - tract) > 5", [(0,)]),
        ("SELECT COUNT(*) FROM object WHERE EXP(1000) - EXP(1000) > 5", [(0,)]),
        # Rounding, with digits from anywhere.
        ("SELECT ROUND(1234.567, -2), TRUNCATE(-1234.567, -2)", [(1200.0, -1200.0)]),
        ("SELECT TOP 1 ROUND(2.55, tract + 1) FROM object WHERE tract = 0", [(2.6,)]),
        # Grouping.
        ("SELECT patch, COUNT(*) FROM object GROUP BY 1 ORDER BY 1", [("3,4", 300), (None, 300)]),
        ("SELECT COUNT(*), 1 AS one FROM object GROUP BY one", [(600, 1)]),
        ("SELECT COUNT(*), 'x' AS x, NULL AS n FROM position GROUP BY x, 3", [(600, "x", None)]),
        ("SELECT COUNT(DISTINCT patch), COUNT(patch), COUNT(ALL patch) FROM object", [(1, 300, 300)]),
        ("SELECT -LOG10(tract), COUNT(*) FROM object WHERE tract = 100 GROUP BY LOG10(tract)", [(-2.0, 1)]),
        (
            "SELECT FLOOR(tract/300.0) AS bin, COUNT(*) AS n FROM object GROUP BY bin "
            "HAVING COUNT(*) > 1 ORDER BY n DESC, bin DESC",
            [(1.0, 300), (0.0, 300)],
        ),
        (
            "SELECT patch, (SELECT COUNT(*) FROM object b WHERE b.patch = a.patch) FROM object a "
            "GROUP BY patch ORDER BY patch",
            [("3,4", 300), (None, 0)],
        ),
        ("SELECT MAX(tract) FROM object HAVING COUNT(*) > 600", []),
        (
            "SELECT COUNT(*) FROM object GROUP BY CONTAINS(POINT(ra, dec), CIRCLE(0, 0, 10)) "
            "HAVING CONTAINS(POINT(ra, dec), CIRCLE(0, 0, 10)) = 1",
            [(150,)],
        ),
        # Order, by alias, number, expression and hidden column.
        ("SELECT TOP 2 tract AS t FROM object ORDER BY t DESC", [(599,), (598,)]),
        ("SELECT TOP 2 tract FROM object ORDER BY 1", [(0,), (1,)]),
        ("SELECT TOP 2 tract FROM object ORDER BY -tract", [(599,), (598,)]),
        ("SELECT TOP 1 tract FROM object ORDER BY objectId DESC", [(599,)]),
        ("SELECT TOP 2 tract AS dec, -tract AS tract FROM object ORDER BY tract", [(599, -599), (598, -598)]),
        ("SELECT DISTINCT object.patch AS p FROM object ORDER BY p DESC", [("3,4",), (None,)]),
        # Names.
        ('SELECT TOP 1 o."tract", O.TRACT, "größe" FROM Object AS O, (SELECT 1 AS "größe") AS q ORDER BY 1', [(0, 0, 1)]),
        ("SELECT TOP 1 DP01_DC2_catalogs.OBJECT.tract FROM dp01_dc2_CATALOGS.object ORDER BY 1", [(0,)]),
        ("SELECT COUNT(size) FROM tap_schema.columns WHERE size = 20", [(1,)]),
        # TOP and OFFSET of any size.
        ("SELECT TOP 0 tract FROM object", []),
        (f"SELECT COUNT(*) FROM (SELECT TOP {'9' * 5000} tract FROM object) AS q", [(600,)]),
        (f"SELECT tract FROM object OFFSET {'9' * 30}", []),
        ("SELECT tract FROM object ORDER BY tract OFFSET 598", [(598,), (599,)]),
        # Flags that are numbers.
        ("SELECT COUNT(*) FROM position WHERE detect_isPrimary BETWEEN 0 AND 5", [(600,)]),
        ("SELECT COUNT(*) FROM position WHERE 0 < detect_isPrimary AND detect_isPrimary <> 2", [(450,)]),
        ("SELECT AVG(detect_isPrimary) FROM position", [(0.75,)]),
        # Texts.
        ("SELECT COUNT(*) FROM object WHERE patch LIKE '_,%' AND patch NOT LIKE '\\%'", [(300,)]),
    ],
)  # fmt: skip
def test_a_query_has_its_answer(
    query: str, expected: list[tuple[Any, ...]], catalog: Catalog, engine: Engine
) -> None:
    assert ask(query, catalog, engine) == expected
