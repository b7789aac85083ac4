"""While a component restarts, each caller is told in a format that it understands."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup

from firstlight_services.web.testing import fetch


async def _error(site: Any, path: str, code: int = 503) -> Any:
    return await fetch(f"{site.error_pages}/_error/{code}?url={quote(path, safe='')}")


async def test_the_catalogs_clients_get_a_votable(site: Any) -> None:
    answer = await _error(site, "/api/tap/sync?QUERY=SELECT%201")

    assert answer.code == 503
    assert answer.headers["Content-Type"] == "application/x-votable+xml"
    info = ElementTree.fromstring(answer.body).find(".//{*}INFO[@name='QUERY_STATUS']")
    assert info is not None
    assert info.get("value") == "ERROR"
    assert info.text == "The Catalogs service is unavailable; try again in 25 seconds."


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/butler/repo/dp01", "service_unavailable"),
        ("/api/nobody/knows", "front_page_unavailable"),
        ("/nb/hub/api/users/vera", "hub_unavailable"),
        ("/nb/user/vera/api/kernels", "lab_unavailable"),
    ],
)
async def test_programs_get_json(site: Any, path: str, code: str) -> None:
    answer = json.loads((await _error(site, path)).body)

    assert answer["error"]["code"] == code
    assert (answer["status"], answer["message"]) == (503, answer["error"]["message"])


async def test_a_component_is_called_by_its_title(site: Any) -> None:
    answer = json.loads((await _error(site, "/api/butler/repo/dp01")).body)

    assert answer["message"] == "The Images service is unavailable; try again in 25 seconds."


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/nb/hub/home", "The hub is restarting"),
        ("/nb/", "The hub is restarting"),
        ("/nb/user/vera/lab", "Your lab is not responding"),
        ("/sky/map", "The Sky maps service is unavailable"),
        ("/helper", "This service is unavailable"),
        ("/", "The front page is restarting"),
        ("/nobody/knows", "The front page is restarting"),
        ("/portal/app", "The catalog pages are restarting"),
    ],
)
async def test_people_get_a_page_that_tries_again(site: Any, path: str, title: str) -> None:
    page = BeautifulSoup((await _error(site, path)).body, "html.parser")

    assert page.h1 is not None
    assert page.h1.text == title
    assert page.select_one('meta[http-equiv="refresh"][content="3"]')


async def test_the_page_leads_to_the_site_from_a_labs_host_too(site: Any) -> None:
    page = BeautifulSoup((await _error(site, "/nb/user/vera/lab")).body, "html.parser")

    found = [str(tag.get("src") or tag.get("href")) for tag in page.select("script, link, img, a")]
    assert len(found) > 8
    # But for the links to this page itself.
    assert all(a.startswith(("http://127.0.0.1:8000/", "#", "mailto:")) or a == "" for a in found)


@pytest.mark.parametrize(("path", "seconds"), [("/nb/hub/home", 30), ("/sky/map", 25)])
async def test_the_page_says_how_long_it_takes(site: Any, path: str, seconds: int) -> None:
    page = (await _error(site, path)).body.decode()

    assert f"It should be back within {seconds} seconds" in page


async def test_the_address_asked_for_is_not_repeated(site: Any) -> None:
    answer = await _error(site, "/nb/<script>alert(1)</script>?token=hush")

    assert b"alert(1)" not in answer.body
    assert b"hush" not in answer.body


async def test_odd_codes_become_a_503(site: Any) -> None:
    assert (await _error(site, "/", 200)).code == 503


async def test_a_proxy_without_routes_leads_nobody_to_a_page_that_is_not_there(site: Any) -> None:
    page = await fetch(f"{site.url}/nb/hub/home")
    assert page.code == 503
    assert "The hub is restarting" in page.body.decode()
    query = await fetch(f"{site.url}/api/tap/sync?QUERY=SELECT%201")
    assert query.code == 503
    assert query.headers["Content-Type"] == "application/x-votable+xml"
    helper = await fetch(f"{site.url}/helper/page")
    assert helper.code == 503
    assert (await fetch(f"{site.url}/nbx")).code == 404
    assert (await fetch(f"{site.url}/sky/map")).code == 404, "it does not run"
