"""Logins under way: their cookies' names, and what happens to several in one browser."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from firstlight_hub.auth.attempts import MOST_ATTEMPTS, LoginCookies, state_id


def serialized(state: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(state).encode()).decode()


@pytest.mark.parametrize(
    ("given", "identifier"),
    [
        (serialized({"state_id": "abc", "next_url": "/x"}), "abc"),
        (serialized({"state_id": 7}), ""),
        (serialized(["state_id"]), ""),
        ("", ""),
        ("é", ""),
        ("abc", ""),
    ],
)
def test_the_identifier_of_a_state(given: str, identifier: str) -> None:
    assert state_id(given) == identifier


def test_a_login_finds_its_own_cookie() -> None:
    cookies = LoginCookies(host_prefix=False)
    names = [cookies.new("first"), cookies.new("second"), "_xsrf"]
    assert cookies.find(names, "second") == names[1]
    assert cookies.find(names, "third") is None
    assert cookies.find(names, "") is None


def test_with_the_prefix_a_cookie_of_a_neighbouring_host_does_not_count() -> None:
    theirs, ours = LoginCookies(host_prefix=False), LoginCookies(host_prefix=True)
    assert ours.find([theirs.new("a")], "a") is None
    assert ours.find([ours.new("a")], "a")
    assert ours.new("a").startswith("__Host-")


def test_the_oldest_logins_make_room() -> None:
    cookies = LoginCookies(host_prefix=False)
    names = [f"firstlight-login-{number:010x}-x" for number in range(MOST_ATTEMPTS + 2)]
    assert cookies.superseded(names) == names[:3]
    assert cookies.superseded(names[: MOST_ATTEMPTS - 1]) == []


# --- on a real hub


@pytest.fixture(scope="module")
def hub(start_hub: Callable[..., Any], github: Any) -> Any:
    places = {"client_id": "id", "url": github.url, "api_url": f"{github.url}/api"}
    return start_hub(
        settings={
            "identity": {"provider": "github", "github": places},
            "access": {"teams": ["lsst:dp0"]},
        }
    )


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_CLIENT_SECRET", "secret")


@pytest.fixture
def browser(hub: Any, github: Any) -> Iterator[requests.Session]:
    github.restore()
    with hub.browser() as session:
        yield session


def begin(hub: Any, browser: requests.Session, next_url: str = "") -> str:
    """Open the login page in a new tab, and return the state that went to GitHub."""
    query = {"next": next_url} if next_url else {}
    away = browser.get(f"{hub.url}/oauth_login", params=query, allow_redirects=False, timeout=30)
    return parse_qs(urlsplit(away.headers["Location"]).query)["state"][0]


def finish(hub: Any, browser: requests.Session, state: str, code: str) -> requests.Response:
    """Come back from GitHub in one of the tabs."""
    address = f"{hub.url}/oauth_callback"
    given = {"code": code, "state": state}
    return browser.get(address, params=given, allow_redirects=False, timeout=30)


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (2, 0, 1), (1, 2, 0)])
def test_every_tab_gets_in(
    hub: Any, github: Any, browser: requests.Session, order: tuple[int, ...]
) -> None:
    token = github.add(1, "mona", teams=["lsst:dp0"])
    states = [begin(hub, browser, f"/nb/hub/tab{number}") for number in sorted(order)]
    for number in order:
        answer = finish(hub, browser, states[number], github.code_for(token))
        assert answer.status_code == 302, answer.text
        assert answer.headers["Location"] == f"/nb/hub/tab{number}"
        assert hub.who_is(browser) == "mona"


def test_tabs_that_open_before_either_has_a_cookie_both_get_in(
    hub: Any, github: Any, browser: requests.Session
) -> None:
    token = github.add(1, "mona", teams=["lsst:dp0"])
    states = []
    for _ in range(2):
        with hub.browser() as tab:
            states.append(begin(hub, tab))
            browser.cookies.update(tab.cookies)
    for state in states:
        assert finish(hub, browser, state, github.code_for(token)).status_code == 302


def test_a_state_of_another_browser_is_refused(
    hub: Any, github: Any, browser: requests.Session
) -> None:
    token = github.add(2, "eve", teams=["lsst:dp0"])
    with hub.browser() as attacker:
        stolen = begin(hub, attacker)
    begin(hub, browser)
    for state in (stolen, "", serialized({"state_id": "made-up"}), "nonsense"):
        answer = finish(hub, browser, state, github.code_for(token))
        assert answer.status_code == 400
        assert "Please log in again" in answer.text
        assert hub.who_is(browser) is None


def test_nobody_can_log_a_person_in_as_somebody_else(
    hub: Any, github: Any, browser: requests.Session
) -> None:
    mona, eve = (github.add(n, name, teams=["lsst:dp0"]) for n, name in ((1, "mona"), (2, "eve")))
    finish(hub, browser, begin(hub, browser), github.code_for(mona))
    with hub.browser() as attacker:
        stolen = begin(hub, attacker)
    code = github.code_for(eve)
    answer = finish(hub, browser, stolen, code)
    assert answer.status_code == 302
    assert hub.who_is(browser) == "mona"
    assert code in github.codes, "the attacker's code must not have been used"


def test_a_state_works_once(hub: Any, github: Any, browser: requests.Session) -> None:
    token = github.add(1, "mona", teams=["lsst:dp0"])
    state = begin(hub, browser)
    finish(hub, browser, state, github.code_for(token))
    browser.cookies.clear("127.0.0.1", "/nb/hub/", "jupyterhub-hub-login")
    assert finish(hub, browser, state, github.code_for(token)).status_code == 400


def test_a_reloaded_callback_goes_home(hub: Any, github: Any, browser: requests.Session) -> None:
    token = github.add(1, "mona", teams=["lsst:dp0"])
    state, code = begin(hub, browser), github.code_for(token)
    finish(hub, browser, state, code)
    again = finish(hub, browser, state, code)
    assert again.status_code == 302
    assert "login" not in again.headers["Location"]


def test_the_cookies_of_abandoned_logins_are_bounded(hub: Any, browser: requests.Session) -> None:
    for _ in range(MOST_ATTEMPTS + 5):
        begin(hub, browser)
    ours = [cookie for cookie in browser.cookies if cookie.name.startswith("firstlight-login-")]
    assert len(ours) == MOST_ATTEMPTS
    assert {cookie.path for cookie in ours} == {"/nb/hub/"}
    assert all("HttpOnly" in cookie._rest for cookie in ours)  # type: ignore[attr-defined]


def test_a_login_left_open_for_an_hour_works_and_no_longer(
    hub: Any, browser: requests.Session
) -> None:
    begin(hub, browser)
    (cookie,) = (one for one in browser.cookies if one.name.startswith("firstlight-login-"))
    assert cookie.expires is not None
    now = parsedate_to_datetime(browser.get(f"{hub.url}/health", timeout=30).headers["Date"])
    assert 3500 < cookie.expires - now.timestamp() <= 3600
