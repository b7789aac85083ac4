"""The page about ADQL has the functions and limits that there are."""

from __future__ import annotations

import re

from firstlight_services.tap.adql.parser import LONGEST_QUERY
from firstlight_services.tap.query import size
from firstlight_services.tap.query.functions import AGGREGATES, GEOMETRY, INSTEAD, known_names
from tests.docs.conftest import DOCS

PAGE = (DOCS / "reference" / "adql.md").read_text(encoding="utf-8")


def row(beginning: str) -> str:
    found = re.search(rf"^\| {re.escape(beginning)}[^|]*\| ([^|]+) \|$", PAGE, re.MULTILINE)
    assert found, beginning
    return found[1]


def test_every_function_is_on_the_page() -> None:
    kinds = "numbers", "angles", "strings", "missing values", "fluxes", "aggregates", "geometry"
    listed = [name for kind in kinds for name in re.findall(r"`(\w+)`", row(kind))]
    assert sorted(listed) == sorted(known_names())
    assert set(re.findall(r"`(\w+)`", row("aggregates"))) == set(AGGREGATES)
    assert set(re.findall(r"`(\w+)`", row("geometry"))) == GEOMETRY


def test_what_is_not_available_is_refused_with_a_hint() -> None:
    said = re.search(r"new queries\.(.*)are not available", PAGE, re.DOTALL)
    assert said
    names = re.findall(r"`(\w+)`", said[1])
    assert len(names) == 6
    assert all("POLYGON" in INSTEAD[name] for name in names)


def test_the_limits_are_on_the_page() -> None:
    limits = {
        "characters |": LONGEST_QUERY,
        "columns": size.MOST_COLUMNS,
        "tables": size.MOST_TABLES,
        "subqueries in each other": size.MOST_LEVELS,
        "aggregates with": size.MOST_DISTINCT,
        "vertices": size.MOST_VERTICES,
        "characters of a row": size.MOST_TEXT,
    }
    for what, most in limits.items():
        assert row(what.removesuffix(" |")) == f"{most:,}", what
