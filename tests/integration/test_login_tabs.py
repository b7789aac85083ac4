"""Several tabs that log in at once: at a lab and at the catalog pages, in one browser."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

import pytest
import requests

from tests.lab_client import start_lab
from tests.platform_under_test import Platform, choose_person

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

PERSON = "mira-member"
PLACES = {
    "lab": f"/nb/user/{PERSON}/lab/tree/%s",
    "portal": "/portal/app/?%s",
}


def follow(browser: requests.Session, answer: requests.Response, until: str) -> requests.Response:
    """Follow redirects as a browser, but stop before the one that leads to a path."""
    for _ in range(20):
        if not answer.is_redirect:
            return answer
        target = urljoin(answer.url, answer.headers["Location"])
        if until and until in urlsplit(target).path:
            return answer
        answer = browser.get(target, allow_redirects=False, timeout=30)
    raise AssertionError("too many redirects")


@pytest.fixture
def browser(platform: Platform) -> requests.Session:
    session = platform.login(PERSON)
    start_lab(platform, PERSON)
    # Only the hub's login; the lab and the catalog pages have to ask it.
    for cookie in list(session.cookies):
        if not cookie.path.startswith("/nb/hub") and "session" not in cookie.name:
            session.cookies.clear(cookie.domain, cookie.path, cookie.name)
    return session


def open_tab(
    platform: Platform, browser: requests.Session, path: str, *, cookies: bool
) -> requests.Response:
    """Open a page in a tab; stop when the hub sends the browser back to where it came from."""
    url = platform.address(path)
    if cookies:
        return follow(browser, browser.get(url, allow_redirects=False, timeout=30), "callback")
    # Tabs that a browser restores all ask before the first answer has set a cookie.
    tab = requests.Session()
    answer = follow(tab, tab.get(url, allow_redirects=False, timeout=30), "authorize")
    browser.cookies.update(tab.cookies)
    target = urljoin(answer.url, answer.headers["Location"])
    return follow(browser, browser.get(target, allow_redirects=False, timeout=30), "callback")


@pytest.mark.parametrize("cookies", [True, False], ids=["one after another", "at once"])
@pytest.mark.parametrize("place", PLACES)
def test_every_tab_arrives(
    platform: Platform, browser: requests.Session, place: str, cookies: bool
) -> None:
    paths = [PLACES[place] % name for name in ("first", "second", "third")]
    tabs = [open_tab(platform, browser, path, cookies=cookies) for path in paths]
    assert all("callback" in tab.headers["Location"] for tab in tabs)
    for path, tab in reversed(list(zip(paths, tabs, strict=True))):
        target = urljoin(tab.url, tab.headers["Location"])
        arrived = follow(browser, browser.get(target, allow_redirects=False, timeout=30), "")
        assert arrived.status_code < 400, arrived.text
        assert arrived.url == platform.address(path)


def test_a_state_that_the_lab_no_longer_knows_begins_a_new_login(
    platform: Platform, browser: requests.Session
) -> None:
    url = f"{platform.lab(PERSON)}/oauth_callback"
    forged = browser.get(
        url, params={"code": "made-up", "state": "x"}, allow_redirects=False, timeout=30
    )
    assert forged.is_redirect
    arrived = follow(browser, forged, "")
    assert arrived.status_code == 200
    assert "/oauth_callback" not in arrived.url


def test_a_browser_without_cookies_gets_an_error_and_no_endless_redirects(
    platform: Platform, browser: requests.Session
) -> None:
    answer = browser.get(f"{platform.lab(PERSON)}/lab", allow_redirects=False, timeout=30)
    for _ in range(20):
        if not answer.is_redirect:
            break
        for cookie in list(browser.cookies):
            if cookie.path.startswith("/nb/user"):
                browser.cookies.clear(cookie.domain, cookie.path, cookie.name)
        target = urljoin(answer.url, answer.headers["Location"])
        answer = browser.get(target, allow_redirects=False, timeout=30)
    assert answer.status_code == 403


def test_a_login_at_the_lab_does_not_take_a_code_of_another_browser(
    platform: Platform, browser: requests.Session
) -> None:
    attacker = platform.login("ada-admin")
    begun = attacker.get(f"{platform.lab(PERSON)}/lab", allow_redirects=False, timeout=30)
    asked = follow(attacker, begun, "callback")
    # An administrator has to agree to use somebody's lab in their own name.
    stolen = attacker.post(
        asked.url,
        data=re.findall(r'<input type="hidden" name="(\w+)" value="([^"]+)"', asked.text),
        headers={"Referer": asked.url},
        allow_redirects=False,
        timeout=30,
    )
    target = urljoin(stolen.url, stolen.headers["Location"])
    assert "/oauth_callback?" in target
    arrived = follow(browser, browser.get(target, allow_redirects=False, timeout=30), "")
    assert arrived.status_code == 200
    me = browser.get(f"{platform.lab(PERSON)}/api/me", timeout=30).json()
    assert me["identity"]["username"] == PERSON


def test_two_tabs_at_github_both_get_in(platform: Platform) -> None:
    browser = requests.Session()
    login = f"{platform.url}/nb/hub/oauth_login"
    pages = [browser.get(login, timeout=30) for _ in range(2)]
    for page in pages:
        assert choose_person(browser, page, PERSON).status_code == 200
