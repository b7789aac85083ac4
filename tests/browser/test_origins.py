"""A lab is as far from the hub as another site: what its page can do to whoever opens it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser.conftest import log_in, start_browser, violations, wait
from tests.browser.hostile_lab import HostileLab, hostile_lab
from tests.lab_client import start_lab
from tests.platform_under_test import Platform, free_port, stopped

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(300)]

Browsers = Callable[[str], Chrome]


@pytest.fixture(scope="module")
def trap(platform: Platform) -> Iterator[HostileLab]:
    platform.login("theo-teammate")
    with hostile_lab(platform, "theo-teammate") as made:
        yield made


def notes(platform: Platform, person: str) -> list[str]:
    tokens = platform.hub("GET", f"/users/{person}/tokens").json()["api_tokens"]
    return [str(token["note"]) for token in tokens]


@pytest.mark.parametrize("victim", ["mira-member", "ada-admin"])
def test_a_labs_page_gains_nothing_from_its_visitor(
    platform: Platform, browsers: Browsers, trap: HostileLab, victim: str
) -> None:
    browser = browsers(victim)
    start_lab(platform, victim)
    browser.get(f"{platform.lab(victim)}/lab")
    wait(browser, 60).until(lambda b: "/lab" in b.current_url and "hub" not in b.current_url)

    gained = trap.lure(browser, victim)

    assert set(gained.values()) == {""}, gained
    assert not any("stolen" in note for note in notes(platform, victim))
    assert platform.hub("GET", "/users/stolen").status_code == 404
    browser.get(f"{platform.url}/nb/hub/home")
    assert f"Hello, {victim}" in browser.find_element(By.TAG_NAME, "h1").text


@pytest.fixture(scope="module")
def shared(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Start a site whose labs share the hub's origin."""
    folder = tmp_path_factory.mktemp("shared")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    config = folder / "platform.yaml"
    config.write_text(f"site: {{public_url: '{url}'}}\n")
    site = Platform(folder / "var", config=config, demo=True, port=port, public_url=url)
    site.take_data_of(platform).start()
    yield site
    site.stop()


def test_on_the_hubs_origin_the_same_page_gains_a_token_and_the_operator_is_told(
    shared: Platform, browser: Chrome
) -> None:
    """The control: what the tests here refuse is possible where labs share the origin."""
    shared.login("theo-teammate")
    log_in(browser, shared, "mira-member")
    start_lab(shared, "mira-member")

    with hostile_lab(shared, "theo-teammate") as trap:
        gained = trap.lure(browser, "mira-member")

    assert gained["token"]
    assert gained["name"] == "mira-member"
    said = shared.cli("doctor", check=False).stdout
    assert "labs share the hub's origin" in said
    assert "labs.domain" in said
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    log_in(browser, shared, "ada-admin")
    browser.get(f"{shared.url}/nb/hub/admin")
    shown = browser.find_element(By.ID, "firstlight-isolation").text
    assert "labs share the hub's origin" in shown
    assert "labs.domain" in shown


def test_the_owner_is_not_asked_and_an_administrator_is(
    platform: Platform, browsers: Browsers
) -> None:
    start_lab(platform, "mira-member")
    lab = f"{platform.lab('mira-member')}/lab"
    owner, administrator = browsers("mira-member"), browsers("ada-admin")
    owner.execute_cdp_cmd("Network.clearBrowserCookies", {})
    log_in(owner, platform, "mira-member")
    owner.get(lab)
    assert owner.current_url.startswith(lab)

    administrator.get(lab)
    wait(administrator).until(lambda b: "/oauth2/authorize" in b.current_url)
    assert not violations(administrator)
    administrator.find_element(By.CSS_SELECTOR, "main form [type=submit]").click()
    # The form's answer leads to another origin, which its policy has to allow.
    wait(administrator).until(lambda b: b.current_url.startswith(lab))


@pytest.mark.parametrize("path", ["/nb/user/mira-member/lab?x=1", "/nb/user-redirect/lab"])
def test_an_address_of_before_leads_to_the_labs_own_host(
    platform: Platform, browsers: Browsers, path: str
) -> None:
    start_lab(platform, "mira-member")
    browser = browsers("mira-member")
    browser.get(platform.url + path)

    wait(browser).until(lambda b: b.current_url.startswith(f"{platform.lab('mira-member')}/lab"))


def test_the_main_host_never_serves_a_lab(platform: Platform) -> None:
    start_lab(platform, "mira-member")
    token = platform.token("mira-member", "--for", "10m")
    headers = {"Authorization": f"Bearer {token}"}
    path = "/nb/user/mira-member/api/status"
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
        answer = requests.request(
            method, platform.url + path, headers=headers, timeout=30, allow_redirects=False
        )
        assert answer.status_code in {302, 403, 405}, method
        assert "started" not in answer.text


def test_another_name_of_this_machine_leads_to_the_site(
    platform: Platform, browser: Chrome
) -> None:
    other = platform.url.replace("localhost", "127.0.0.1")
    for path in ("/", "/nb/hub/login", "/portal/nothing"):
        browser.get(other + path)
        assert browser.current_url.startswith(platform.url), path
    log_in(browser, platform, "mira-member")
    token = platform.token("mira-member", "--for", "10m")
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/html"}
    for path in ("/api/tap/tables", "/nb/hub/api/user"):
        answer = requests.get(other + path, headers=headers, timeout=30, allow_redirects=False)
        assert answer.status_code == 200, path


def test_the_hub_has_no_page_on_a_labs_host(platform: Platform) -> None:
    host = "{0.scheme}://{0.netloc}".format(urlsplit(platform.lab("mira-member")))
    for path in ("/nb/hub/login", "/nb/hub/link?token=x", "/nb/hub/api/"):
        answer = requests.get(host + path, timeout=30, allow_redirects=False)
        assert answer.headers["Location"] == platform.url + path
        assert "Set-Cookie" not in answer.headers
    assert requests.post(f"{host}/nb/hub/link", timeout=30).status_code == 421


def test_a_labs_page_is_in_no_frame_of_another_origin(platform: Platform) -> None:
    start_lab(platform, "mira-member")
    with platform.login("mira-member") as session:
        policy = session.get(f"{platform.lab('mira-member')}/lab", timeout=30).headers[
            "Content-Security-Policy"
        ]
    assert "frame-ancestors 'none'" in policy or "frame-ancestors 'self'" in policy


class TestWhileALabStarts:
    def test_its_pages_obey_their_policy(self, platform: Platform, tmp_path: Path) -> None:
        browser = start_browser(tmp_path / "profile")
        try:
            log_in(browser, platform, "mira-member")
            platform.hub("DELETE", "/users/mira-member/server")
            wait(browser).until(
                lambda _: not platform.hub("GET", "/users/mira-member").json()["servers"]
            )
            browser.get(f"{platform.url}/nb/hub/spawn")
            with stopped(platform.pid_of("forks")):  # a lab starts too fast to see it
                browser.find_element(By.CSS_SELECTOR, "form [type=submit]").click()
                wait(browser).until(lambda b: "spawn-pending" in b.current_url)
                # Its steps arrive by an event stream.
                wait(browser).until(
                    lambda b: b.find_elements(By.CSS_SELECTOR, ".progress-log-event")
                )
                assert not violations(browser)
            wait(browser, 90).until(lambda b: "mira-member.localhost" in b.current_url)
            browser.get(f"{platform.url}/nb/hub/home")
            browser.find_element(By.ID, "stop").click()
            wait(browser, 60).until(
                lambda b: b.find_element(By.ID, "start").text == "Start your lab"
            )
            assert not violations(browser)
        finally:
            browser.quit()
