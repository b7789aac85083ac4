from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests


@pytest.fixture(scope="module")
def hub(start_hub: Callable[..., Any]) -> Any:
    return start_hub(settings={"access": {"blocked": ["mallory"]}})


@pytest.fixture
def browser(hub: Any) -> Iterator[requests.Session]:
    with hub.browser() as session:
        yield session


def mint(hub: Any, user: str, **body: Any) -> str:
    answer = hub.call("POST", "/firstlight/links", {"user": user, **body})
    assert answer.status_code == 201, answer.text
    url: str = answer.json()["url"]
    return url


def press(session: requests.Session, page: requests.Response, **more: str) -> requests.Response:
    """Press the page's button."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text)
    action = re.search(r'<form action="([^"]+)"', page.text)
    assert action
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(page.url))
    return session.post(
        origin + action[1], data=dict(found) | more, allow_redirects=False, timeout=30
    )


def test_a_link_logs_its_person_in(hub: Any, browser: requests.Session) -> None:
    page = browser.get(mint(hub, "Amelia"))
    assert page.status_code == 200
    assert "Log in as amelia" in page.text
    done = press(browser, page)
    assert done.status_code == 302
    assert hub.who_is(browser) == "amelia"
    assert hub.call("GET", "/users/amelia").json()["admin"] is False


def test_a_link_for_an_administrator_makes_one(hub: Any, browser: requests.Session) -> None:
    page = browser.get(mint(hub, "vera", admin=True))
    assert "administrator" in page.text
    press(browser, page)
    assert hub.call("GET", "/users/vera").json()["admin"] is True


def test_looking_does_not_use_a_link_up(hub: Any, browser: requests.Session) -> None:
    url = mint(hub, "amelia")
    for _ in range(2):
        requests.get(url, timeout=30)
        requests.head(url, timeout=30)
    press(browser, browser.get(url))
    assert hub.who_is(browser) == "amelia"


def test_a_link_works_once(hub: Any, browser: requests.Session) -> None:
    url = mint(hub, "amelia")
    page = browser.get(url)
    press(browser, page)
    with hub.browser() as other:
        assert other.get(url).status_code == 403
        fresh = other.get(mint(hub, "amelia"))
        token = parse_qs(urlsplit(url).query)["token"][0]
        again = press(other, fresh, token=token)
        assert again.status_code == 403
        assert "has been used or has expired" in again.text
        assert hub.who_is(other) is None


def test_a_link_is_not_used_from_another_site(hub: Any, browser: requests.Session) -> None:
    url = mint(hub, "amelia")
    page = browser.get(url)
    answer = press(browser, page, _xsrf="wrong")
    assert answer.status_code == 403
    assert hub.who_is(browser) is None
    assert browser.get(url).status_code == 200


@pytest.mark.parametrize("token", ["", "wrong", "'--", "%00"])
def test_a_wrong_link_gets_a_clear_page(hub: Any, browser: requests.Session, token: str) -> None:
    page = browser.get(f"{hub.url}/link?token={token}")
    assert page.status_code in {400, 403}
    assert "Traceback" not in page.text


@pytest.mark.parametrize(
    ("wanted", "place"),
    [
        ("/nb/hub/token", "/nb/hub/token"),
        ("https://evil.example/", "/nb/hub/spawn"),
        ("//evil.example/", "/nb/hub/spawn"),
        ("\\\\evil.example/", "/nb/hub/spawn"),
        ("javascript:alert(1)", "/nb/hub/spawn"),
    ],
)
def test_the_page_after_the_login_is_on_this_site(
    hub: Any, browser: requests.Session, wanted: str, place: str
) -> None:
    page = browser.get(mint(hub, "amelia"))
    done = press(browser, page, next=wanted)
    assert done.headers["Location"].split("?")[0] == place


def test_the_page_keeps_the_token_to_itself(hub: Any, browser: requests.Session) -> None:
    page = browser.get(mint(hub, "amelia"))
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"


def test_tokens_are_neither_in_the_log_nor_in_a_database(
    hub: Any, browser: requests.Session
) -> None:
    url = mint(hub, "amelia")
    token = parse_qs(urlsplit(url).query)["token"][0]
    press(browser, browser.get(url))
    files = [path for path in hub.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if token.encode() in path.read_bytes()]


def test_logging_out_logs_out(hub: Any, browser: requests.Session) -> None:
    press(browser, browser.get(mint(hub, "amelia")))
    asked = browser.get(f"{hub.url}/logout")
    assert hub.who_is(browser) == "amelia"
    assert browser.post(f"{hub.url}/logout").status_code == 403
    press(browser, asked)
    assert hub.who_is(browser) is None


def test_the_last_link_says_who_administers(hub: Any, browser: requests.Session) -> None:
    press(browser, browser.get(mint(hub, "grace", admin=True)))
    press(browser, browser.get(mint(hub, "grace", admin=False)))
    assert hub.call("GET", "/users/grace").json()["admin"] is False


def test_the_login_page_explains_links(hub: Any, browser: requests.Session) -> None:
    page = browser.get(f"{hub.url}/login")
    assert "one-time link" in page.text
    assert "password" not in page.text.lower()


def test_there_is_no_login_without_a_link(hub: Any, browser: requests.Session) -> None:
    browser.get(f"{hub.url}/login")
    answer = browser.post(
        f"{hub.url}/login",
        data={"username": "vera", "password": "", "_xsrf": browser.cookies["_xsrf"]},
        timeout=30,
    )
    assert answer.status_code == 403
    assert hub.who_is(browser) is None


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"user": "../root"}, 400, "is not a valid name"),
        ({"user": ""}, 400, "is not a valid name"),
        ({}, 400, "user"),
        ({"user": "a", "expires_in": 1}, 400, "expires_in"),
        ({"user": "a", "expires_in": 10**9}, 400, "expires_in"),
        ({"user": "a", "admin": "yes"}, 400, "admin"),
        ({"user": "a", "colour": "red"}, 400, "colour"),
        ({"user": "mallory"}, 409, "block list"),
    ],
)
def test_a_wrong_request_for_a_link_is_refused(
    hub: Any, body: dict[str, Any], status: int, words: str
) -> None:
    answer = hub.call("POST", "/firstlight/links", body)
    assert answer.status_code == status
    assert words in answer.json()["message"]


def test_only_who_may_manage_people_makes_links(hub: Any, browser: requests.Session) -> None:
    press(browser, browser.get(mint(hub, "amelia")))
    token = hub.call("POST", "/users/amelia/tokens", {}).json()["token"]
    body: Any = {"user": "mole", "admin": True}
    assert hub.call("POST", "/firstlight/links", body, token=token).status_code == 403
    assert requests.post(f"{hub.api}/firstlight/links", json=body, timeout=30).status_code == 403
    assert browser.post(f"{hub.api}/firstlight/links", json=body, timeout=30).status_code == 403


def test_the_state_of_a_local_login_has_no_secrets(hub: Any, browser: requests.Session) -> None:
    press(browser, browser.get(mint(hub, "amelia")))
    with sqlite3.connect(hub.folder / "hub" / "people.sqlite") as people:
        (count,) = people.execute("SELECT COUNT(*) FROM person WHERE username='amelia'").fetchone()
    people.close()
    assert count == 1
