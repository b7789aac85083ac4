from __future__ import annotations

from xml.etree import ElementTree

import pytest

from firstlight_services.portal.catalog import read_tables
from firstlight_services.tap import vosi
from firstlight_services.tap.models import Catalog
from firstlight_services.tap.policy import Limits
from tests.services.tap.conftest import Tap


def test_the_portal_reads_the_tables(catalog: Catalog) -> None:
    tables = read_tables(vosi.tables(catalog))
    found = {one.name: one for one in tables}
    assert set(found) == {
        f"dp01_dc2_catalogs.{name}"
        for name in ("object", "truth_match", "position", "reference", "forced_photometry")
    }
    table = found["dp01_dc2_catalogs.object"]
    assert table.position == ("ra", "dec")
    assert len(table.columns) == 137
    assert table.columns[2].unit == "deg"


def test_capabilities_list_only_what_there_is() -> None:
    document = vosi.capabilities("https://a.example/api/tap", Limits(10, 100))
    root = ElementTree.fromstring(document)
    standards = [one.get("standardID") for one in root]
    assert "ivo://ivoa.net/std/TAP" in standards
    assert not any("UWS" in str(one) or "async" in str(one).lower() for one in standards)
    urls = [one.text for one in root.iter("accessURL")]
    assert urls[-1] == "https://a.example/api/tap"
    versions = {one.get("ivo-id") for one in root.iter("version")}
    assert versions == {f"ivo://ivoa.net/std/ADQL#v2.{minor}" for minor in (0, 1)}
    forms = {one.text for one in root.iter("form")}
    assert {"POINT", "CIRCLE", "CONTAINS", "DISTANCE"} <= forms
    assert {"POLYGON", "BOX", "INTERSECTS"} <= forms


async def test_tables_are_served_whole_and_one_by_one(tap: Tap) -> None:
    whole = await tap.get("tables")
    assert whole.headers["Content-Type"].startswith("text/xml")
    assert (await tap.get("tables?DETAIL=max")).body == whole.body
    # pyvo asks for the short form, and then for each table without its token.
    assert (await tap.get("tables?detail=min")).body == whole.body
    one = await tap.get("tables/dp01_dc2_catalogs.object")
    assert ElementTree.fromstring(one.body).tag.endswith("}table")
    assert (await tap.get("tables?detail=all")).code == 400


@pytest.mark.parametrize("name", ["tables", "schemas", "columns", "keys", "key_columns"])
async def test_tap_schema_can_be_asked(tap: Tap, name: str) -> None:
    assert (await tap.query(f"select * from TAP_SCHEMA.{name}")).code == 200


AVAILABILITY = "{http://www.ivoa.net/xml/VOSIAvailability/v1.0}"


@pytest.mark.parametrize("note", ["", "Unavailable: <größe> & more."])
@pytest.mark.parametrize("available", [True, False])
def test_the_availability_is_as_its_schema_says(available: bool, note: str) -> None:
    root = ElementTree.fromstring(vosi.availability(available=available, note=note))
    # VOSI 1.1, section 2.2: elementFormDefault is "qualified"; one xs:boolean `available`, then
    # optional times, then any number of notes; no attributes.
    assert root.tag == f"{AVAILABILITY}availability"
    assert not root.attrib
    first, *others = root
    assert (first.tag, first.text) == (f"{AVAILABILITY}available", str(available).lower())
    assert [(one.tag, one.text) for one in others] == (
        [(f"{AVAILABILITY}note", note)] if note else []
    )
    assert not any(one.attrib or len(one) for one in root)
