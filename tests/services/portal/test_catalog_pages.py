"""The catalog pages: logging in through the hub, browsing, searching."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from bs4 import BeautifulSoup

from firstlight_common.runtime import DataSet, Position
from tests.services.portal.conftest import SAMPLE, SCOPES

REFUSAL = """<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">
 <RESOURCE type="results"><INFO name="QUERY_STATUS" value="ERROR">No column mug_i; mag_i?</INFO>
 </RESOURCE></VOTABLE>"""
CONE = "/portal/cone?table=dp01_dc2_catalogs.object&ra=61.9&dec=-36.4&radius=0.02"


def _page(answer: Any) -> BeautifulSoup:
    return BeautifulSoup(answer.body, "html.parser")


def _typed(page: BeautifulSoup) -> dict[str, str]:
    """Return the values of the form's text fields."""
    return {str(field["id"]): str(field["value"]) for field in page.select("form input")}


async def test_who_is_not_logged_in_is_sent_to_the_hub(site: Any) -> None:
    browser = site.browser()
    to_login = await browser.get(CONE)
    assert to_login.code == 302
    to_hub = urlsplit((await browser.get(to_login.headers["Location"])).headers["Location"])
    asked = {key: value[0] for key, value in parse_qs(to_hub.query).items()}

    assert (to_hub.netloc, to_hub.path) == ("", "/nb/hub/api/oauth2/authorize")
    assert asked["client_id"] == "service-portal"
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert set(asked["scope"].split()) == {
        "access:services!service=portal",
        "access:services!service=tap",
    }


async def test_after_the_login_people_are_where_they_wanted_to_be(site: Any) -> None:
    browser = await site.log_in(path=CONE)

    assert browser.last.headers["Location"] == CONE


async def test_the_cookie_is_the_portals_alone(site: Any) -> None:
    browser = await site.log_in()
    cookie = next(
        header
        for header in browser.last.headers.get_list("Set-Cookie")
        if header.startswith("firstlight-portal-8000=")
    )

    assert "Path=/portal/" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert "vera-token" not in cookie


class TestOverHttps:
    @pytest.fixture
    def public_url(self) -> str:
        return "https://data.example"

    async def test_cookies_are_secure(self, site: Any) -> None:
        browser = await site.log_in()

        cookies = browser.last.headers.get_list("Set-Cookie")
        assert any(c.startswith("firstlight-portal=") and "Secure" in c for c in cookies)

    async def test_cookies_are_not_sent_to_labs_of_the_same_origin(self, site: Any) -> None:
        browser = await site.log_in()

        cookies = browser.last.headers.get_list("Set-Cookie")
        assert all("Path=/portal/" in cookie for cookie in cookies), cookies


class TestLabsWithOriginsOfTheirOwn:
    @pytest.fixture
    def public_url(self) -> str:
        return "https://data.example"

    @pytest.fixture
    def labs_domain(self) -> str:
        return "labs.data.example"

    async def test_no_lab_can_set_the_cookies(self, site: Any) -> None:
        browser = await site.log_in()

        cookies = browser.last.headers.get_list("Set-Cookie")
        session = next(c for c in cookies if c.startswith("__Host-firstlight-portal="))
        assert {"Secure", "Path=/", "HttpOnly"} <= {part.strip() for part in session.split(";")}
        assert all(cookie.startswith("__Host-") for cookie in cookies)
        assert "Domain" not in "".join(cookies)
        # What a lab sets for the parent domain has no prefix, and counts for nothing.
        browser.cookies = {"firstlight-portal": browser.cookies["__Host-firstlight-portal"]}
        assert (await browser.get("/portal/app")).code == 302


async def test_a_login_that_another_browser_began_is_refused(site: Any) -> None:
    attacker, victim = site.browser(), site.browser()
    to_hub = await attacker.get("/portal/login")
    asked = parse_qs(urlsplit(to_hub.headers["Location"]).query)
    site.hub.grant_code("a-code", "vera-token", asked["code_challenge"][0])

    answer = await victim.get(f"/portal/oauth_callback?code=a-code&state={asked['state'][0]}")
    assert answer.code == 400
    assert "firstlight-portal-8000" not in victim.cookies


@pytest.mark.parametrize("query", ["", "?code=x", "?code=x&state=y", "?state=%00"])
async def test_a_made_up_callback_is_refused(site: Any, query: str) -> None:
    assert (await site.browser().get(f"/portal/oauth_callback{query}")).code == 400


async def test_a_code_that_the_hub_does_not_know_is_refused(site: Any) -> None:
    browser = site.browser()
    to_hub = await browser.get("/portal/login")
    state = parse_qs(urlsplit(to_hub.headers["Location"]).query)["state"][0]

    answer = await browser.get(f"/portal/oauth_callback?code=stolen&state={state}")
    assert answer.code == 400


async def test_a_person_without_access_is_told_so(site: Any) -> None:
    site.hub.add_token("ann-token", "ann", scopes=[])
    browser = await site.log_in("ann-token")

    assert browser.last.code == 403
    assert "firstlight-portal-8000" not in browser.cookies


async def test_a_refusal_of_the_hub_is_explained(site: Any) -> None:
    answer = await site.browser().get("/portal/oauth_callback?error=access_denied")

    assert answer.code == 403
    assert b"denied you access" in answer.body


async def test_a_forged_cookie_counts_for_nothing(site: Any) -> None:
    browser = site.browser()
    browser.cookies["firstlight-portal-8000"] = json.dumps({"token": "vera-token"})

    assert (await browser.get("/portal/app")).code == 302


async def test_tables_and_columns_are_shown(site: Any) -> None:
    browser = await site.log_in()
    page = _page(await browser.get("/portal/app"))

    assert [name.text for name in page.select("summary strong")] == [
        "dp01_dc2_catalogs.object",
        "dp01_dc2_catalogs.visits",
    ]
    assert "Measured <objects>." in page.text
    row = page.select_one("details tbody tr")
    assert row is not None
    assert [cell.text for cell in row.find_all(["th", "td"])] == [
        "objectId",
        "",
        "Its number",
        "meta.id;meta.main",
    ]


async def test_the_number_of_columns_is_said_once(site: Any) -> None:
    browser = await site.log_in()
    page = _page(await browser.get("/portal/app"))

    words = [line.text for line in page.select("summary span")]
    assert words == ["5 columns · Measured <objects>.", "1 column"]


async def test_only_pages_that_do_not_know_the_person_ask_the_hub(site: Any) -> None:
    browser = await site.log_in()
    knows = _page(await browser.get("/portal/app")).select_one("#who")
    asks = _page(await browser.get("/")).select_one("#who")

    assert knows is not None
    assert asks is not None
    assert "vera" in knows.text
    assert not knows.has_attr("data-ask")
    assert asks["data-ask"] == "/nb/hub/firstlight/me"
    assert "vera" not in asks.text


async def test_the_catalog_is_asked_as_the_person(site: Any) -> None:
    browser = await site.log_in()
    await browser.get("/portal/app")

    assert site.catalog.tokens == ["Bearer vera-token"]


async def test_only_tables_with_positions_can_be_searched(site: Any) -> None:
    browser = await site.log_in()
    page = _page(await browser.get("/portal/app"))

    assert [option["value"] for option in page.select("#table option")] == [
        "dp01_dc2_catalogs.object"
    ]


async def test_the_search_starts_where_the_first_data_set_has_something(site: Any) -> None:
    browser = await site.log_in()
    page = _page(await browser.get("/portal/app"))

    assert _typed(page) == {"ra": "62.0", "dec": "-37.0", "radius": "0.02"}


class TestTwoDataSets:
    @pytest.fixture
    def datasets(self) -> list[DataSet]:
        deep = {"title": "Deep & wide", "position": Position(ra=10.5, dec=2.25)}
        images = DataSet(label="images", title="Images", position=Position(ra=1, dec=1))
        return [images, SAMPLE, SAMPLE.model_copy(update=deep)]

    async def test_each_is_a_starting_point(self, site: Any) -> None:
        browser = await site.log_in()
        page = _page(await browser.get("/portal/app"))
        links = {link.text: str(link["href"]) for link in page.select("aside a")}

        assert list(links) == ["The sample", "Deep & wide"]
        there = _page(await browser.get(links["Deep & wide"]))
        assert _typed(there) == {"ra": "10.5", "dec": "2.25", "radius": "0.02"}


class TestNoDataSets:
    @pytest.fixture
    def datasets(self) -> list[DataSet]:
        return [DataSet(label="images", title="Images", repository=Path("/images"))]

    async def test_the_pages_say_so(self, site: Any) -> None:
        browser = await site.log_in()

        assert "This site has no catalogs" in _page(await browser.get("/portal/app")).text
        answer = await browser.get(CONE)
        assert answer.code == 400
        assert "This site has no catalogs" in _page(answer).text
        assert site.catalog.tokens == []


async def test_every_field_has_its_label(site: Any) -> None:
    browser = await site.log_in()
    page = _page(await browser.get("/portal/app"))
    labelled = {label["for"] for label in page.find_all("label")}

    assert {field["id"] for field in page.select("input, select")} == labelled


OUTSIDE = """<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">
 <RESOURCE type="results"><INFO name="QUERY_STATUS" value="OK"/>
 <INFO name="coverage" value="outside">No data here. Its data are at 12.5 &amp; -3.</INFO>
 <TABLE><FIELD name="ra" datatype="double" unit="deg"/><DATA><TABLEDATA></TABLEDATA></DATA></TABLE>
 </RESOURCE></VOTABLE>"""


async def test_a_search_outside_the_data_shows_where_they_are(site: Any) -> None:
    browser = await site.log_in()
    site.catalog.answer = (200, OUTSIDE)
    words = _page(await browser.get(CONE)).select_one("[role=status]").get_text()
    assert words == "Nothing in this circle. No data here. Its data are at 12.5 & -3."
    site.catalog.answer = (200, OUTSIDE.replace('"outside"', '"inside"'))
    words = _page(await browser.get(CONE)).select_one("[role=status]").get_text()
    assert words == "Nothing in this circle. Try a larger radius or another position."


async def test_a_cone_search_shows_rows_and_how_to_take_them_along(site: Any) -> None:
    browser = await site.log_in()
    page = _page(await browser.get(CONE))

    cells = [[cell.text for cell in row.find_all("td")] for row in page.select("tbody tr")]
    assert cells == [["42", "61.9000000", "<script>alert(1)</script>"], ["43", "", ""]]
    adql = page.find(id="adql")
    python = page.find(id="python")
    assert adql is not None
    assert python is not None
    assert site.catalog.queries == [adql.text]
    assert adql.text.startswith("SELECT objectId,\n       DISTANCE(")
    assert " AS distance,\n       ra,\n       dec,\n       mag_i\n" in adql.text
    assert adql.text.endswith("ORDER BY distance")
    assert adql.text in python.text


async def test_what_the_catalog_refuses_is_said_in_its_words(site: Any) -> None:
    site.catalog.answer = (400, REFUSAL)
    browser = await site.log_in()
    answer = await browser.get(CONE)

    assert answer.code == 400
    assert "No column mug_i" in _page(answer).text


async def test_a_wrong_number_is_said_beside_the_form_as_typed(site: Any) -> None:
    browser = await site.log_in()
    answer = await browser.get(CONE.replace("61.9", "north"))
    page = _page(answer)

    assert answer.code == 400
    assert "Right ascension should be a number from 0 to 360" in page.text
    field = page.find(id="ra")
    assert field is not None
    assert field["value"] == "north"


async def test_a_table_that_is_not_offered_is_not_asked_for(site: Any) -> None:
    browser = await site.log_in()
    answer = await browser.get(CONE.replace("dp01_dc2_catalogs.object", "x;y"))

    assert answer.code == 400
    assert site.catalog.queries == []


async def test_while_the_catalog_is_unavailable_the_page_says_so(site: Any) -> None:
    site.catalog.answer = (503, "")
    browser = await site.log_in()
    answer = await browser.get(CONE)

    assert answer.code == 503
    assert "The catalog service is unavailable" in _page(answer).text


async def test_logging_out_forgets_the_person_and_goes_on_to_the_hub(site: Any) -> None:
    browser = await site.log_in()
    answer = await browser.get("/portal/logout")

    assert answer.headers["Location"] == "/nb/hub/logout"
    site.hub.revoke("vera-token")  # as the hub does at its logout
    back = await browser.get("/portal/logout?from=hub")
    assert back.headers["Location"] == "/nb/hub/login"
    assert "firstlight-portal-8000" not in browser.cookies
    assert (await browser.get("/portal/app")).code == 302


async def test_no_link_can_log_a_person_out(site: Any) -> None:
    browser = await site.log_in()
    asked = _page(await browser.get("/portal/logout?from=hub"))

    assert asked.h1 is not None
    assert "log out?" in asked.h1.text
    assert (await browser.get("/portal/app")).code == 200
    key = asked.select_one("form[method=post] input[name=key]")
    assert key is not None
    answer = await browser.post("/portal/logout", {"key": str(key["value"])})
    assert answer.headers["Location"] == "/nb/hub/login"
    assert "firstlight-portal-8000" not in browser.cookies


@pytest.mark.parametrize("forged", [None, "", "made-up", "another"])
async def test_no_form_of_another_page_can_log_a_person_out(site: Any, forged: str | None) -> None:
    browser = await site.log_in()
    form = {} if forged is None else {"key": forged}
    if forged == "another":
        site.hub.add_token("mallory-token", "mallory", scopes=SCOPES)
        mallory = await site.log_in("mallory-token")
        key = _page(await mallory.get("/portal/logout?from=hub")).select_one("input[name=key]")
        assert key is not None
        form = {"key": str(key["value"])}

    assert (await browser.post("/portal/logout", form)).code == 403
    assert (await browser.get("/portal/app")).code == 200


async def test_the_portals_root_leads_to_the_catalogs(site: Any) -> None:
    assert (await site.browser().get("/portal/")).headers["Location"] == "/portal/app"
