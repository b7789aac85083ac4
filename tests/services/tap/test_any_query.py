"""Queries made at random: each is answered or refused with a reason, and never breaks the engine."""

from __future__ import annotations

from random import Random

import pytest

from firstlight_services.tap.engines import Engine
from firstlight_services.tap.errors import QueryError
from firstlight_services.tap.models import Catalog
from firstlight_services.tap.policy import Limits
from firstlight_services.tap.service import plan
from tests.services.tap.conftest import rows_of

NUMBERS = (
    "o.ra o.dec o.mag_i o.tract o.objectId o.mag_g o.clean 1 0 2.5 -3 NULL 1e300 TRUE 3000000000"
)
TEXTS = "o.patch '3,4' 'x' NULL ''"
TRUTHS = "o.clean TRUE FALSE NULL"
ONE = """
SQRT LOG LOG10 ABS FLOOR CEILING EXP SIN COS TAN COT ACOS ASIN ATAN DEGREES RADIANS ROUND TRUNCATE
scisql_nanojanskyToAbMag
"""
NUMBER_SHAPES = """
(N + N); (N - N); (N * N); (N / N); (N % N); -N; POWER(N, N); ATAN2(N, N); MOD(N, N); COALESCE(N, N); F(N); F(N)
CASE WHEN B THEN N ELSE N END; DISTANCE(POINT(o.ra, o.dec), POINT(N, N)); DISTANCE(N, N, o.ra, o.dec)
CONTAINS(POINT(o.ra, o.dec), CIRCLE(N, N, N)); (SELECT MAX(ra) FROM truth_match); RAND(); PI()
(SELECT MIN(t.dec) FROM truth_match t WHERE t.match_objectId = o.objectId); CASE WHEN B THEN N END
"""
TEXT_SHAPES = "(T || T); UPPER(T); LOWER(T); COALESCE(T, T); CASE WHEN B THEN T ELSE T END"
TRUTH_SHAPES = """
N = N; N < N; N >= N; N <> N; N BETWEEN N AND N; N NOT BETWEEN N AND N; N IN (N, N); N NOT IN (N, N); T = T
(B AND B); (B OR B); NOT (B); T LIKE T; T NOT ILIKE T; (N) IS NULL; (T) IS NOT NULL; (B) IS NULL
CONTAINS(POINT(o.ra, o.dec), CIRCLE(N, N, N)) = 1; DISTANCE(POINT(o.ra, o.dec), POINT(62, -37)) < N
CONTAINS(POINT(N, N), POLYGON(61, -38, 63, -38, 62, -36)) = 1; CONTAINS(POINT(o.ra, o.dec), BOX(0, 90, 1, 2)) = N
CONTAINS(POINT(o.ra, N), POLYGON(61, -38, 63, -38, 63, -36, 62, -37, 61, -36)) = 1
EXISTS (SELECT 1 FROM truth_match WHERE match_objectId = o.objectId AND N > 1); N IN (SELECT tract FROM object)
"""
AGGREGATES = "COUNT(*); COUNT(DISTINCT N); SUM(N); AVG(N); MIN(N); MAX(T); SUM(DISTINCT N) / COUNT(*); LOG10(AVG(N))"
SOURCES = """
object o; object o JOIN truth_match m ON o.objectId = m.match_objectId; object AS o LEFT JOIN position USING (objectId)
(SELECT objectId, ra, dec, mag_i, mag_g, tract, clean, patch FROM object) AS o
"""


def _choices(text: str) -> list[str]:
    return [shape.strip() for line in text.strip().splitlines() for shape in line.split("; ")]


LEAVES = {"N": NUMBERS.split(), "T": TEXTS.split(), "B": TRUTHS.split()}
SHAPES = {
    "N": _choices(NUMBER_SHAPES),
    "T": _choices(TEXT_SHAPES),
    "B": _choices(TRUTH_SHAPES),
}


class _Maker:
    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def filled(self, shape: str, depth: int) -> str:
        """Put values into a shape's places: N, T, B, and F for a function."""
        words = []
        for character, before, after in zip(shape, " " + shape, shape[1:] + " ", strict=False):
            alone = not (before + after).replace("_", "a").isalnum()
            alone = alone and not (before.isalnum() or after.isalnum())
            if character == "F" and alone:
                words.append(self.random.choice(ONE.split()))
            elif character in LEAVES and alone:
                words.append(self.value(character, depth - 1))
            else:
                words.append(character)
        return "".join(words)

    def value(self, kind: str, depth: int) -> str:
        if depth <= 0 or self.random.random() < 0.2:
            return self.random.choice(LEAVES[kind])
        return self.filled(self.random.choice(SHAPES[kind]), depth)

    def any_value(self) -> str:
        return self.value(self.random.choice("NNTB"), self.random.randrange(3))

    def query(self) -> str:
        chance, choice = self.random.random, self.random.choice
        items, after = [self.any_value() for _ in range(2)], ""
        if chance() < 0.5:
            keys = [self.filled(choice(SHAPES[choice("NTB")]), 2), "o.patch"]
            totals = [self.filled(choice(_choices(AGGREGATES)), 2) for _ in range(2)]
            items = [*totals, choice(keys), f"({choice(keys)}) IS NULL", f"COALESCE(-{keys[0]}, 1)"]
            items = self.random.sample(items, 3)
            after = f" GROUP BY {', '.join(keys)}"
            after += f" HAVING {totals[0]} IS NOT NULL" if chance() < 0.3 else ""
            after += f" ORDER BY {choice([*keys, *totals, '1', 'a0'])}" if chance() < 0.5 else ""
        elif chance() < 0.5:
            after = f" ORDER BY {choice([items[0], self.filled('(N + N)', 2), '1', 'a0'])} DESC"
        where = f" WHERE {self.value('B', self.random.randrange(1, 4))}" if chance() < 0.6 else ""
        named = ", ".join(f"{item} AS a{place}" for place, item in enumerate(items))
        distinct = choice(["", "", "DISTINCT "])
        return f"SELECT {distinct}TOP 3 {named} FROM {choice(_choices(SOURCES))}{where}{after}"


@pytest.mark.parametrize("seed", range(4))
def test_any_query_is_answered_or_refused(seed: int, catalog: Catalog, engine: Engine) -> None:
    maker = _Maker(seed)
    answered = 0
    for _ in range(120):
        query = maker.query()
        try:
            planned = plan(query, None, catalog, Limits(10, 10), engine.emit)
            rows_of(engine, planned.statement, len(planned.fields))
            answered += 1
        except QueryError:
            continue
        except Exception as error:
            raise AssertionError(query) from error
    assert answered > 60
