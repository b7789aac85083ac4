"""What pages make of the person before them: their name, their choice of light or dark, their tokens."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import requests
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By

from tests.browser.conftest import ARTIFACTS, broken_rules, log_in, resize, wait
from tests.lab_client import start_lab
from tests.platform_under_test import Platform

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(300)]

NARROW = (420, 900)
CONTACT = "help@observatory.example"
Browsers = Callable[[str], Chrome]


def header(browser: Chrome) -> str:
    return browser.find_element(By.CSS_SELECTOR, ".fl-header").text


def theme(browser: Chrome) -> str:
    found: str = browser.execute_script("return document.documentElement.dataset.bsTheme")
    return found


def choose(browser: Chrome, wanted: str) -> None:
    browser.execute_script("localStorage.setItem('jupyterhub-bs-theme', arguments[0])", wanted)


class TestFrontPage:
    def test_knows_who_is_logged_in(self, platform: Platform, browsers: Browsers) -> None:
        browser = browsers("mira-member")
        resize(browser, 1400, 900)
        browser.get(platform.url + "/")
        wait(browser).until(lambda b: "mira-member" in header(b))
        assert "Log out" in header(browser)
        assert "Log in" not in header(browser)
        enter = browser.find_element(By.ID, "enter")
        assert enter.text == "Open your lab"
        assert (enter.get_attribute("href") or "").endswith("/nb/")
        browser.get(platform.url + "/portal/nothing")
        wait(browser).until(lambda b: "mira-member" in header(b))

    def test_is_the_same_to_whoever_asks_for_it(self, platform: Platform) -> None:
        with platform.login("mira-member") as session:
            known = session.get(platform.url + "/", timeout=30)
            me = session.get(platform.url + "/nb/hub/firstlight/me", timeout=30)
        assert "mira-member" not in known.text
        assert me.json() == {"name": "mira-member"}
        assert me.headers["Cache-Control"] == "private, no-store"
        assert "Cookie" in me.headers["Vary"]

    def test_names_nobody_to_strangers(self, platform: Platform, browsers: Browsers) -> None:
        browser = browsers("nobody")
        browser.get(platform.url + "/")
        assert browser.find_element(By.ID, "enter").text == "Log in"
        answer = requests.get(platform.url + "/nb/hub/firstlight/me", timeout=30)
        assert answer.json() == {"name": None}
        assert "Set-Cookie" not in answer.headers

    def test_after_logging_out_there_it_offers_to_log_in(
        self, platform: Platform, browser: Chrome
    ) -> None:
        log_in(browser, platform, "theo-teammate")
        browser.get(platform.url + "/")
        wait(browser).until(lambda b: "theo-teammate" in header(b))
        browser.find_element(By.LINK_TEXT, "Log out").click()
        wait(browser).until(lambda b: b.find_elements(By.ID, "logout-now"))
        browser.find_element(By.ID, "logout-now").click()
        wait(browser).until(lambda b: b.find_elements(By.ID, "login-title"))
        browser.get(platform.url + "/")
        assert "Log in" in header(browser)


class TestLightAndDark:
    def test_a_choice_holds_for_hub_and_portal(
        self, platform: Platform, browsers: Browsers
    ) -> None:
        browser = browsers("mira-member")
        browser.get(platform.url + "/nb/hub/home")
        choose(browser, "light")
        browser.refresh()
        browser.find_element(By.ID, "dark-theme-toggle").click()
        for path in ("/", "/portal/app", "/nothing", "/nb/hub/token"):
            browser.get(platform.url + path)
            assert theme(browser) == "dark", path
            background = "return getComputedStyle(document.body).backgroundColor"
            assert browser.execute_script(background) == "rgb(11, 15, 31)", path
        browser.get(platform.url + "/")
        browser.find_element(By.ID, "dark-theme-toggle").click()
        assert theme(browser) == "light"
        browser.get(platform.url + "/nb/hub/home")
        assert theme(browser) == "light"

    @pytest.mark.parametrize("preferred", ["light", "dark"])
    def test_without_a_choice_the_system_decides(
        self, platform: Platform, browsers: Browsers, preferred: str
    ) -> None:
        browser = browsers("nobody")
        feature = {"name": "prefers-color-scheme", "value": preferred}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        browser.get(platform.url + "/")
        browser.execute_script("localStorage.clear()")
        browser.refresh()
        assert theme(browser) == preferred

    @pytest.mark.parametrize("path", ["/", "/portal/app", "/nb/hub/token", "/nb/hub/admin"])
    def test_dark_pages_can_be_read(
        self, platform: Platform, browsers: Browsers, path: str
    ) -> None:
        browser = browsers("ada-admin")
        resize(browser, 1400, 900)
        browser.get(platform.url + path)
        choose(browser, "dark")
        browser.refresh()
        wait(browser).until(lambda b: "ada-admin" in header(b))
        broken = broken_rules(browser, [])
        assert not broken, json.dumps(broken, indent=1)


class TestTokens:
    def test_a_new_token_is_seen_copied_and_revoked(
        self, platform: Platform, browsers: Browsers
    ) -> None:
        browser = browsers("mira-member")
        resize(browser, *NARROW)
        browser.get(platform.url + "/nb/hub/token")
        wait(browser).until(lambda b: b.execute_script("return window._jupyterhub_page_loaded"))
        lifetime = browser.find_element(By.ID, "token-expiration-seconds")
        assert lifetime.get_attribute("value") == str(30 * 86400)
        browser.find_element(By.ID, "token-note").send_keys("For a test", Keys.ENTER)
        wait(browser).until(
            lambda b: b.switch_to.active_element.get_attribute("id") == "token-area"
        )
        in_sight = (
            "const r = document.getElementById('token-area').getBoundingClientRect();"
            "return r.top >= 0 && r.bottom <= innerHeight"
        )
        # The page scrolls there smoothly.
        wait(browser).until(lambda b: b.execute_script(in_sight), "the new token is out of sight")
        browser.save_screenshot(str(ARTIFACTS / "page-new-token-narrow.png"))
        broken = broken_rules(browser, [])
        assert not broken, json.dumps(broken, indent=1)
        token = browser.find_element(By.ID, "token-result").text
        assert platform.get("/api/tap/tables", token).status_code == 200

        browser.find_element(By.ID, "token-copy").send_keys(Keys.ENTER)
        said = wait(browser).until(lambda b: b.find_element(By.ID, "token-copied").text)
        assert said == "Copied."

        browser.get(platform.url + "/nb/hub/token")
        wait(browser).until(lambda b: b.execute_script("return window._jupyterhub_page_loaded"))
        revoke = browser.find_element(By.CSS_SELECTOR, "[aria-label='Revoke: For a test']")
        assert revoke.text == "Revoke"
        revoke.send_keys(Keys.ENTER)
        wait(browser).until(
            lambda b: not b.find_elements(By.CSS_SELECTOR, "[aria-label='Revoke: For a test']")
        )

    def test_the_labs_own_token_ends_with_the_lab(
        self, platform: Platform, browsers: Browsers
    ) -> None:
        browser = browsers("mira-member")
        start_lab(platform, "mira-member")
        browser.get(platform.url + "/nb/hub/token")
        table = browser.find_element(By.ID, "api-tokens-table")
        row = table.find_element(By.XPATH, ".//tr[contains(., 'Your lab, for the hub')]")
        assert "when the lab stops" in (row.get_attribute("textContent") or "")

    def test_the_form_is_whole_on_a_telephone(self, platform: Platform, browsers: Browsers) -> None:
        browser = browsers("mira-member")
        resize(browser, *NARROW)
        browser.get(platform.url + "/nb/hub/token")
        cut = browser.execute_script(
            "const f = document.getElementById('token-scopes');"
            "return f.scrollWidth > f.clientWidth || f.scrollHeight > f.clientHeight"
        )
        assert not cut
        assert browser.execute_script("return document.documentElement.scrollWidth") == NARROW[0]
        widths = browser.execute_script(
            "return ['.fl-notice', '#request-token-form'].map("
            "(s) => document.querySelector(s).getBoundingClientRect().width)"
        )
        assert widths[0] == widths[1]


class TestOnATelephone:
    @pytest.mark.parametrize("path", ["/nb/hub/home", "/portal/app", "/nb/hub/admin"])
    def test_the_header_has_two_rows(
        self, platform: Platform, browsers: Browsers, path: str
    ) -> None:
        browser = browsers("ada-admin")
        resize(browser, *NARROW)
        browser.get(platform.url + path)
        boxes = browser.execute_script(
            "return ['.fl-brand', '.fl-who', '#dark-theme-toggle', '.fl-nav li:first-child a', "
            "'.fl-nav li:last-child a'].map((s) => document.querySelector(s).getBoundingClientRect())"
        )
        brand, who, button, first, last = boxes
        assert brand["left"] < who["left"]
        assert abs(brand["top"] + brand["bottom"] - who["top"] - who["bottom"]) < 8
        assert button["right"] <= NARROW[0]
        assert first["top"] == last["top"] >= max(brand["bottom"], who["bottom"])
        assert first["left"] >= 0
        clipped = "return getComputedStyle(document.querySelector('.fl-nav')).overflowX"
        assert browser.execute_script(clipped) == "visible"

    def test_people_can_be_looked_up(self, platform: Platform, browsers: Browsers) -> None:
        browser = browsers("ada-admin")
        resize(browser, *NARROW)
        browser.get(platform.url + "/nb/hub/admin")
        search = wait(browser).until(lambda b: b.find_element(By.NAME, "user_search"))
        assert search.size["width"] > 200
        table = browser.find_element(By.CSS_SELECTOR, "#react-admin-hook table")
        wait(browser).until(lambda _: "ada-admin" in table.text)
        assert browser.execute_script(
            "return arguments[0].scrollWidth > arguments[0].clientWidth", table
        )
        assert browser.execute_script("return document.documentElement.scrollWidth") == NARROW[0]
        enforced = browser.find_element(By.ID, "firstlight-isolation")
        assert enforced.location["y"] > table.location["y"]
        footer = browser.find_element(By.CSS_SELECTOR, "footer").text
        assert not any(len(word) > 8 for word in footer.split() if word.isdigit())


class TestErrors:
    @pytest.mark.parametrize(
        "path", ["/nb/hub/admin", "/nb/hub/link?token=used", "/nb/hub/nothing"]
    )
    def test_who_is_logged_in_can_log_out(
        self, platform: Platform, browsers: Browsers, path: str
    ) -> None:
        browser = browsers("mira-member")
        resize(browser, 1400, 900)
        browser.get(platform.url + path)
        assert "mira-member" in header(browser)
        assert browser.find_element(By.ID, "logout").text == "Log out"
        assert browser.find_element(By.TAG_NAME, "body").text.count(CONTACT) == 1

    def test_whom_to_ask_is_said_once(self, platform: Platform, browser: Chrome) -> None:
        log_in(browser, platform, "sam-stranger")
        wait(browser).until(lambda b: b.find_elements(By.ID, "error-reason"))
        shown = browser.find_element(By.TAG_NAME, "body").text
        assert shown.count(CONTACT) == 1
        assert "another account" in shown


class TestCatalogs:
    def test_the_number_of_columns_is_said_once(
        self, platform: Platform, browsers: Browsers
    ) -> None:
        browser = browsers("mira-member")
        browser.get(platform.url + "/portal/app")
        words = [one.text for one in browser.find_elements(By.CSS_SELECTOR, "summary span")]
        assert words
        assert not any("columns)" in line for line in words)

    def test_a_filter_without_a_match_says_so(self, platform: Platform, browsers: Browsers) -> None:
        browser = browsers("mira-member")
        browser.get(platform.url + "/portal/app")
        browser.find_element(By.ID, "filter").send_keys("zzzz")
        result = browser.find_element(By.ID, "filter-result")
        assert result.text == "Nothing matches."
        browser.find_element(By.ID, "filter").send_keys(Keys.BACKSPACE * 4, "ra")
        assert "table" in result.text
