"""Pure decisions: where a login may lead, what a cone search means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight_services.portal.models import Column, Cone, Table
from firstlight_services.portal.policy import (
    cone_adql,
    position_columns,
    python_snippet,
    read_cone,
    safe_next,
)
from firstlight_services.web import ServiceError

RA, DEC = Column("ra", ucd="pos.eq.ra;meta.main"), Column("dec", ucd="pos.eq.dec;meta.main")
TABLE = Table("s.object", columns=(Column("id", principal=True), RA, DEC), position=("ra", "dec"))


@pytest.mark.parametrize(
    "inside", ["/portal/app", "/portal/cone?ra=1&dec=2", "/portal/app?x=https://elsewhere/"]
)
def test_a_login_leads_to_pages_of_the_portal(inside: str) -> None:
    assert safe_next(inside, "/portal/app") == inside


@pytest.mark.parametrize(
    "outside",
    [
        "https://evil.example/portal/",
        "//evil.example/portal/",
        "/\\evil.example/portal/",
        "/portal/\\..\\..\\evil",
        "/portal/../nb/hub/logout",
        "/portal/%2e%2e/nb/hub/logout",
        "http://[x",
        "/nb/hub/logout",
        "javascript:alert(1)//portal/",
        "/portal/app\r\nSet-Cookie: x=y",
        "\t//evil.example/portal/",
        "portal/app",
        "",
    ],
)
def test_a_login_leads_nowhere_else(outside: str) -> None:
    assert safe_next(outside, "/portal/app") == "/portal/app"


@given(st.text())
def test_a_login_never_leaves_the_portal(value: str) -> None:
    assert safe_next(value, "/portal/app").startswith("/portal/")


def test_positions_are_found_by_name_first() -> None:
    assert position_columns((RA, DEC, Column("coord_ra"), Column("coord_dec"))) == ("ra", "dec")


def test_positions_are_found_by_ucd() -> None:
    columns = (
        Column("alpha_raw", ucd="pos.eq.ra"),
        Column("alpha", ucd="pos.eq.ra;meta.main"),
        Column("delta", ucd="pos.eq.dec;meta.main"),
    )
    assert position_columns(columns) == ("alpha", "delta")


def test_a_table_without_positions_has_none() -> None:
    assert position_columns((Column("visit"),)) is None


def test_a_cone_becomes_adql() -> None:
    assert cone_adql(Cone("s.object", 61.9, -36.4, 0.02), TABLE) == (
        "SELECT id,\n"
        "       DISTANCE(POINT('ICRS', ra, dec), POINT('ICRS', 61.9, -36.4)) AS distance,\n"
        "       ra,\n       dec\n"
        "FROM s.object\n"
        "WHERE CONTAINS(POINT('ICRS', ra, dec),\n"
        "               CIRCLE('ICRS', 61.9, -36.4, 0.02)) = 1\n"
        "ORDER BY distance"
    )


def test_a_wide_table_shows_its_first_columns_when_none_is_principal() -> None:
    columns = (RA, DEC, *(Column(f"c{n}") for n in range(50)))
    adql = cone_adql(Cone("t", 1.0, 1.0, 0.1), Table("t", "", columns, ("ra", "dec")))

    names = ["ra", "dec", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"]
    assert adql.startswith("SELECT c0,\n       DISTANCE(")
    assert f"AS distance,\n       {',\n       '.join(names)}\nFROM" in adql


def test_the_distance_does_not_hide_a_column_of_its_name() -> None:
    columns = (RA, DEC, Column("Distance"))
    adql = cone_adql(Cone("t", 1.0, 1.0, 0.1), Table("t", "", columns, ("ra", "dec")))

    assert "AS distance_from_centre" in adql
    assert adql.endswith("ORDER BY distance_from_centre")


@pytest.mark.parametrize("name", ["t; DROP TABLE x", "t--", "a.b.c.d", "t'"])
def test_only_identifiers_enter_a_query(name: str) -> None:
    with pytest.raises(ServiceError):
        cone_adql(Cone(name, 1.0, 1.0, 0.1), Table(name, "", (RA, DEC), ("ra", "dec")))


def test_a_table_without_positions_cannot_be_searched() -> None:
    with pytest.raises(ServiceError, match="no positions"):
        cone_adql(Cone("t", 1.0, 1.0, 0.1), Table("t"))


@pytest.mark.parametrize(
    ("ra", "dec", "radius", "field"),
    [
        ("north", "0", "0.1", "Right ascension"),
        ("361", "0", "0.1", "Right ascension"),
        ("nan", "0", "0.1", "Right ascension"),
        ("10", "-91", "0.1", "Declination"),
        ("10", "", "0.1", "Declination"),
        ("10", "0", "0", "Radius"),
        ("10", "0", "1.5", "Radius"),
        ("10", "0", "1e999", "Radius"),
    ],
)
def test_a_wrong_field_is_named(ra: str, dec: str, radius: str, field: str) -> None:
    with pytest.raises(ServiceError, match=field):
        read_cone("t", ra, dec, radius)


def test_numbers_are_read_as_people_type_them() -> None:
    assert read_cone("t", " 61.9 ", "-36.4", "2e-2") == Cone("t", 61.9, -36.4, 0.02)


def test_the_snippet_is_python() -> None:
    compile(python_snippet(cone_adql(Cone("s.object", 1.0, 1.0, 0.1), TABLE)), "snippet", "exec")
