"""The front page: complete without JavaScript, honest about what is unavailable, accessible."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from bs4 import BeautifulSoup

from firstlight_services.portal.component import COMPONENT
from firstlight_services.portal.settings import PortalSettings
from firstlight_services.portal.status import StatusBoard
from firstlight_services.web.testing import fetch, make_context, running_component
from tests.services.portal.conftest import SKY, UNTITLED


async def test_says_what_who_and_how(site: Any) -> None:
    page = BeautifulSoup((await fetch(site.url + "/")).body, "html.parser")

    assert page.h1 is not None
    assert page.h1.text == "Test <Site>"
    headings = {heading.text for heading in page.find_all("h2")}
    assert headings == {"What is here", "Who can use it", "How to log in", "Right now"}
    enter = page.find(id="enter")
    assert enter is not None
    assert enter["href"] == "/nb/"
    assert "help@observatory.example" in page.text


async def test_says_in_words_what_is_up(site: Any) -> None:
    page = BeautifulSoup((await fetch(site.url + "/")).body, "html.parser")
    words = {str(part["data-part"]): part.text for part in page.select("[data-part]")}

    assert words == {"hub": "up", "tap": "up", "butler": "unavailable"}
    labs = page.find(id="labs-running")
    assert labs is not None
    assert labs.text == "3"


async def test_state_is_the_same_for_programs(site: Any) -> None:
    state = json.loads((await fetch(site.url + "/state.json")).body)

    assert state == {
        "hub": {"up": True, "people_active": 2},
        "services": [
            {"name": "hub", "title": "Notebooks", "up": True},
            {"name": "tap", "title": "Catalogs", "up": True},
            {"name": "butler", "title": "Images", "up": False},
        ],
        "labs_running": 3,
    }


async def test_shows_itself_while_the_hub_is_unavailable(site: Any) -> None:
    site.hub.unavailable = True
    page = BeautifulSoup((await fetch(site.url + "/")).body, "html.parser")

    hub = page.select_one('[data-part="hub"]')
    assert hub is not None
    assert hub.text == "unavailable"


async def test_a_crowd_costs_one_round_of_questions(site: Any) -> None:
    asked = 0
    ask = StatusBoard._fetch

    async def counting(board: StatusBoard, url: str) -> bytes | None:
        nonlocal asked
        asked += 1
        return await ask(board, url)

    with patch.object(StatusBoard, "_fetch", counting):
        await asyncio.gather(*(fetch(site.url + "/state.json") for _ in range(30)))

    assert asked == 3


async def test_a_component_nobody_knew_is_shown_if_it_runs_and_has_a_title(
    site: Any, tmp_path: Path
) -> None:
    components = [running_component(component) for component in (SKY, UNTITLED)]
    context = make_context(tmp_path, COMPONENT, PortalSettings, site.hub, others=components)
    board = StatusBoard(context.runtime, context.hub_api_url)

    shown = [(one.name, one.title, one.up) for one in (await board.state()).components]
    assert shown == [("hub", "Notebooks", True), ("sky", "Sky maps", False)]
    board.close()


async def test_shows_the_sample_field_when_there_is_a_picture(site: Any, tmp_path: Path) -> None:
    assert b"<figure>" not in (await fetch(site.url + "/")).body
    (tmp_path / "data" / "sample").mkdir(parents=True)
    (tmp_path / "data" / "sample" / "preview.png").write_bytes(b"\x89PNG\r\n\x1a\n")

    page = BeautifulSoup((await fetch(site.url + "/")).body, "html.parser")
    picture = page.select_one("figure img")
    assert picture is not None
    assert picture["alt"]
    assert (await fetch(site.at(str(picture["src"])))).code == 200


async def test_files_outside_of_the_assets_are_not_served(site: Any, tmp_path: Path) -> None:
    (tmp_path / "data" / "sample").mkdir(parents=True)
    (tmp_path / "data" / "sample" / "secret.css").write_text("x")
    for path in ("/assets/../run/settings.json", "/assets/..%2fsettings.json", "/assets/x.css"):
        assert (await fetch(site.at(path))).code == 404


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/_error/503?url=/nb/hub/home", "/portal/oauth_callback"]
)
async def test_every_page_is_accessible_in_the_basics(site: Any, path: str) -> None:
    answer = await fetch(site.at(path))
    page = BeautifulSoup(answer.body, "html.parser")

    assert page.html is not None
    assert page.html["lang"] == "en"
    assert page.title is not None
    assert page.title.text.endswith("· Test <Site>")
    assert len(page.find_all("h1")) == 1
    assert len(page.find_all("main")) == 1
    skip = page.select_one("a.fl-skip")
    assert skip is not None
    assert page.find(id=str(skip["href"]).removeprefix("#"))
    assert all(image.has_attr("alt") for image in page.find_all("img"))
    assert all(nav.has_attr("aria-label") for nav in page.find_all("nav"))


@pytest.mark.parametrize("path", ["/", "/nowhere", "/_error/503?url=/"])
async def test_pages_load_nothing_from_elsewhere_and_run_nothing_inline(
    site: Any, path: str
) -> None:
    answer = await fetch(site.at(path))
    page = BeautifulSoup(answer.body, "html.parser")
    loaded = [str(tag.get("src") or tag.get("href")) for tag in page.select("script, link, img")]

    assert loaded
    local = [address.removeprefix("http://127.0.0.1:8000") for address in loaded]
    assert all(address.startswith("/") and not address.startswith("//") for address in local)
    assert all(not script.text.strip() for script in page.find_all("script"))
    assert not page.select("[style], [onclick]")
    policy = answer.headers["Content-Security-Policy"]
    nonces = {str(script["nonce"]) for script in page.find_all("script")}
    assert len(nonces) == 1
    assert f"script-src 'nonce-{nonces.pop()}';" in policy
    for rule in ("object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert rule in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    again = await fetch(site.at(path))
    assert again.headers["Content-Security-Policy"] != policy


class TestOnThisMachine:
    @pytest.fixture
    def public_url(self) -> str:
        return "http://localhost:8000"

    async def test_a_browser_at_another_name_of_it_is_redirected(self, site: Any) -> None:
        headers = {"Accept": "text/html", "Host": "127.0.0.1:8000"}
        answer = await fetch(site.url + "/portal/app?x=1", headers=headers)

        assert (answer.code, answer.headers["Location"]) == (
            302,
            "http://localhost:8000/portal/app?x=1",
        )


async def test_the_stylesheet_loads_nothing_from_elsewhere(site: Any) -> None:
    sheet = (await fetch(site.at("/assets/firstlight.css"))).body.decode()

    assert set(re.findall(r"url\(\"?([^)\"]+)", sheet)) == {"stars.svg"}
    assert "@import" not in sheet
    assert (await fetch(site.at("/assets/stars.svg"))).code == 200


async def test_the_accent_is_the_sites(site: Any) -> None:
    assert b"--fl-accent: #3557d6" in (await fetch(site.at("/assets/theme.css"))).body


@pytest.mark.parametrize("path", ["/", "/nowhere", "/_error/503?url=/nb/hub/home"])
async def test_light_or_dark_is_settled_before_anything_is_painted(site: Any, path: str) -> None:
    page = BeautifulSoup((await fetch(site.at(path))).body, "html.parser")
    script = page.select_one("head script[src$='/assets/theme.js']")

    assert script is not None
    assert not script.has_attr("defer")
    assert not script.has_attr("async")
    assert script.find_next_sibling("link", rel="stylesheet")
    assert page.find(id="dark-theme-toggle")
    assert b"jupyterhub-bs-theme" in (await fetch(site.at("/assets/theme.js"))).body


class TestLocalLogin:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"identity": {"provider": "local"}, "services": {"portal": {"enabled": False}}}

    async def test_tells_whom_to_ask_for_a_link(self, site: Any) -> None:
        assert b"one-time link" in (await fetch(site.url + "/")).body

    async def test_offers_no_catalog_pages_that_are_off(self, site: Any) -> None:
        assert b"/portal/app" not in (await fetch(site.url + "/")).body
        page = await fetch(site.url + "/portal/app")
        assert page.code == 404
        assert b"does not offer catalog pages" in page.body
