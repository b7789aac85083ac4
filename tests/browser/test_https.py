"""A site over HTTPS whose labs are on subdomains of the hub's host: the same site to browsers.

Browsers send cookies from one to the other, and a lab can set cookies for the hub's host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser.conftest import start_browser, violations, wait
from tests.browser.hostile_lab import HostileLab, hostile_lab
from tests.browser.tls import tls_in_front
from tests.lab_client import start_lab
from tests.platform_under_test import Platform, free_port

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(300)]

HOST = "data.example.test"
NewBrowser = Callable[[], Chrome]


@pytest.fixture(scope="module")
def site(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("https")
    outer = free_port()
    url = f"https://{HOST}:{outer}"
    config = folder / "platform.yaml"
    config.write_text(f"site: {{public_url: '{url}'}}\nlabs: {{domain: {HOST}}}\n")
    running = Platform(folder / "var", config=config, public_url=url).take_data_of(platform)
    running.start()
    try:
        with tls_in_front(folder, port=outer, target=running.port, host=HOST):
            yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def trap(site: Platform) -> Iterator[HostileLab]:
    site.cli("link", "--user", "theo")
    site.hub("POST", "/users/theo")
    with hostile_lab(site, "theo") as made:
        yield made


@pytest.fixture
def new_browser(tmp_path: Path) -> Iterator[NewBrowser]:
    """Return a function that starts a browser which finds the site on this machine."""
    started: list[Chrome] = []

    def start() -> Chrome:
        started.append(
            start_browser(
                tmp_path / str(len(started)),
                f"--host-resolver-rules=MAP {HOST} 127.0.0.1,MAP *.{HOST} 127.0.0.1",
                "--ignore-certificate-errors",
            )
        )
        return started[-1]

    yield start
    for browser in started:
        browser.quit()


def log_in(browser: Chrome, site: Platform, name: str, *options: str) -> None:
    """Log in with a one-time link."""
    browser.get(site.cli("link", "--user", name, *options).stdout.split()[-1])
    browser.find_element(By.ID, "link-use").click()
    wait(browser).until(lambda b: "/hub/link" not in b.current_url)


def open_lab(browser: Chrome, site: Platform, name: str) -> None:
    """Start somebody's lab, and open it."""
    start_lab(site, name)
    browser.get(f"{site.lab(name)}/lab")
    wait(browser, 60).until(lambda b: b.current_url.startswith(f"{site.lab(name)}/lab"))


def greeting(browser: Chrome, site: Platform) -> str:
    browser.get(f"{site.url}/nb/hub/home")
    return browser.find_element(By.TAG_NAME, "h1").text


def toss(browser: Chrome, trap: HostileLab, values: dict[str, str]) -> None:
    """Open the lab's page, which sets cookies for the hub's host, at every path that may matter."""
    for name, value in values.items():
        cookies = [
            f"{prefix}{name}={value}; Domain={HOST}; Path={path}; Secure"
            for path in ("/", "/nb/", "/nb/hub/", "/portal/")
            for prefix in ("", "__Host-", "__host-")
        ]
        trap.open(browser, "&".join(f"cookie={quote(cookie)}" for cookie in cookies))


def cookies_of(browser: Chrome, site: Platform) -> dict[str, str]:
    """Return the cookies that the hub and the portal have set, without the prefix."""
    browser.get(f"{site.url}/portal/app")
    return {
        str(cookie["name"]).removeprefix("__Host-"): str(cookie["value"])
        for cookie in browser.get_cookies()
    }


def test_all_cookies_are_for_one_host_alone(site: Platform, new_browser: NewBrowser) -> None:
    browser = new_browser()
    log_in(browser, site, "mira")
    browser.get(f"{site.url}/portal/app")
    wait(browser).until(lambda b: b.current_url.endswith("/portal/app"))
    ours = {cookie["name"]: cookie for cookie in browser.get_cookies()}
    assert {"__Host-jupyterhub-hub-login", "__Host-jupyterhub-session-id", "__Host-_xsrf"} <= set(
        ours
    )
    assert any(name.startswith("__Host-firstlight-portal") for name in ours)
    assert all(name.startswith("__Host-") for name in ours)

    open_lab(browser, site, "mira")
    lab = {cookie["name"]: cookie for cookie in browser.get_cookies()}
    # A lab gets none of the hub's cookies, and its own are for its host alone too.
    assert not set(ours) & set(lab)
    assert "__Host-jupyterhub-user-mira" in lab
    assert all(cookie["domain"] != "." + HOST for cookie in lab.values())


@pytest.mark.parametrize(("victim", "options"), [("mira", ()), ("ada", ("--admin",))])
def test_a_labs_page_gains_nothing_from_its_visitor(
    site: Platform,
    trap: HostileLab,
    new_browser: NewBrowser,
    victim: str,
    options: tuple[str, ...],
) -> None:
    browser = new_browser()
    log_in(browser, site, victim, *options)
    open_lab(browser, site, victim)

    gained = trap.lure(browser, victim)

    assert set(gained.values()) == {""}, gained
    tokens = site.hub("GET", f"/users/{victim}/tokens").json()["api_tokens"]
    assert not any("stolen" in str(token["note"]) for token in tokens)
    assert f"Hello, {victim}" in greeting(browser, site)


class TestCookiesThatALabSetsForTheHub:
    @pytest.fixture
    def tossed(self, site: Platform, new_browser: NewBrowser) -> dict[str, str]:
        """Return the attacker's own valid cookies, and names of others."""
        attacker = new_browser()
        log_in(attacker, site, "theo")
        mine = cookies_of(attacker, site)
        assert "jupyterhub-hub-login" in mine
        return {**mine, "oauthenticator-state": "x", "jupyterhub-hub-oauth-state": "x"}

    def test_do_not_log_a_stranger_in(
        self,
        site: Platform,
        trap: HostileLab,
        tossed: dict[str, str],
        new_browser: NewBrowser,
    ) -> None:
        browser = new_browser()
        toss(browser, trap, tossed)

        assert "Log in" in greeting(browser, site)
        names = {cookie["name"] for cookie in browser.get_cookies()}
        # Without the prefix, they did arrive.
        assert {"jupyterhub-hub-login", "_xsrf", "jupyterhub-session-id"} <= names
        browser.get(f"{site.url}/portal/app")
        wait(browser).until(lambda b: "/hub/login" in b.current_url)

    def test_neither_keep_from_logging_in_nor_fix_the_session(
        self,
        site: Platform,
        trap: HostileLab,
        tossed: dict[str, str],
        new_browser: NewBrowser,
    ) -> None:
        browser = new_browser()
        toss(browser, trap, tossed)
        log_in(browser, site, "mira")

        assert "Hello, mira" in greeting(browser, site)
        now = {cookie["name"]: cookie["value"] for cookie in browser.get_cookies()}
        for name in ("jupyterhub-session-id", "_xsrf", "jupyterhub-hub-login"):
            assert now[f"__Host-{name}"] != tossed[name], name
        open_lab(browser, site, "mira")

    def test_make_nobody_another_while_logged_in(
        self,
        site: Platform,
        trap: HostileLab,
        tossed: dict[str, str],
        new_browser: NewBrowser,
    ) -> None:
        browser = new_browser()
        log_in(browser, site, "mira")
        toss(browser, trap, tossed)

        assert "Hello, mira" in greeting(browser, site)
        # The page's forms still work: their key is not the attacker's.
        browser.get(f"{site.url}/nb/hub/logout")
        assert not violations(browser)
        browser.find_element(By.ID, "logout-now").click()
        wait(browser).until(lambda b: "/hub/login" in b.current_url)
        assert "Log in" in greeting(browser, site)
