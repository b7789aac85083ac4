"""JupyterHub's administration page within ours: with rows, in light and dark, narrow, by keyboard."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By

from tests.browser.conftest import ARTIFACTS, broken_rules, resize, wait
from tests.platform_under_test import Platform

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(300)]

Browsers = Callable[[str], Chrome]
ADMIN, OTHER = "ada-admin", "mira-member"
VIEWS = {"light": (1280, 900), "dark": (1280, 900), "narrow": (390, 844)}
THINGS = ":is(button, input, textarea, select, [role=button]):not([tabindex='-1'])"


@pytest.fixture
def browser(platform: Platform, browsers: Browsers) -> Chrome:
    platform.login(OTHER)
    browser = browsers(ADMIN)
    resize(browser, *VIEWS["light"])
    return browser


def show(browser: Chrome, platform: Platform, fragment: str = "") -> None:
    """Open the page, or one of the pages that its program draws, and wait for what it shows."""
    browser.get("about:blank")
    browser.get(f"{platform.url}/nb/hub/admin{fragment}")
    shown = "#react-admin-hook .card-header" if fragment else "#react-admin-hook .user-row"
    wait(browser).until(lambda b: b.find_elements(By.CSS_SELECTOR, shown))
    nameless = "#react-admin-hook button[aria-controls]:not([aria-label])"
    wait(browser).until(lambda b: not b.find_elements(By.CSS_SELECTOR, nameless))


def edit_other(browser: Chrome) -> None:
    name = f"[data-testid='user-row-{OTHER}'] button[aria-label='Edit User: {OTHER}']"
    browser.find_element(By.CSS_SELECTOR, name).click()
    wait(browser).until(lambda b: b.find_elements(By.ID, "admin-check"))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("fragment", ["", "#/groups", "#/create-group", "edit"])
def test_no_rule_of_accessibility_is_broken(
    platform: Platform, browser: Chrome, fragment: str, view: str
) -> None:
    scheme = {"name": "prefers-color-scheme", "value": "dark" if view == "dark" else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    resize(browser, *VIEWS[view])
    show(browser, platform, "" if fragment == "edit" else fragment)
    if fragment == "edit":
        edit_other(browser)
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    browser.save_screenshot(str(ARTIFACTS / f"admin-{fragment.strip('#/')}-{view}.png"))
    broken = broken_rules(browser, [])
    assert not broken, json.dumps(broken, indent=1)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= VIEWS[view][0]
    for thing in browser.find_elements(By.CSS_SELECTOR, f"#react-admin-hook {THINGS}"):
        assert thing.accessible_name.strip(), thing.get_attribute("outerHTML")


def test_a_rows_buttons_say_whose_they_are(platform: Platform, browser: Chrome) -> None:
    show(browser, platform)
    row = browser.find_element(By.CSS_SELECTOR, f"[data-testid='user-row-{OTHER}']")
    names = [one.accessible_name for one in row.find_elements(By.TAG_NAME, "button")]
    names += [one.accessible_name for one in row.find_elements(By.TAG_NAME, "a")]
    assert f"Details of {OTHER}" in names
    assert f"Edit User: {OTHER}" in names
    assert any(name.startswith(("Spawn Page: ", "Access Server: ")) for name in names)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_check_boxes_can_be_seen(platform: Platform, browser: Chrome, scheme: str) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    show(browser, platform)
    edit_other(browser)
    # WCAG 2.1, 1.4.11: what shows where a control is has a contrast of at least 3 to 1.
    contrast = browser.execute_script(
        """
        const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
        const light = (text) => rgb(text).slice(0, 3).map((v) => v / 255)
          .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
          .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        const box = document.querySelector("#admin-check");
        let behind = box.parentElement;
        while ((rgb(getComputedStyle(behind).backgroundColor)[3] ?? 1) < 1) {
          behind = behind.parentElement;
        }
        const [a, b] = [getComputedStyle(box).borderTopColor, getComputedStyle(behind).backgroundColor]
          .map(light).sort((x, y) => y - x);
        return (a + 0.05) / (b + 0.05);
        """
    )
    assert contrast >= 3


def test_nobody_is_offered_to_add_users(platform: Platform, browser: Chrome) -> None:
    show(browser, platform)
    assert not [b for b in browser.find_elements(By.TAG_NAME, "button") if b.text == "Add Users"]
    access = browser.find_element(By.ID, "firstlight-access").text
    assert "platform.yaml" in access
    browser.get(f"{platform.url}/nb/hub/admin#/add-users")
    wait(browser).until(lambda b: not b.current_url.endswith("add-users"))
    # The program still works after the button is gone: it draws another page and comes back.
    browser.find_element(By.CSS_SELECTOR, "a[href='#/groups']").click()
    wait(browser).until(lambda b: b.find_elements(By.ID, "return"))
    browser.find_element(By.CSS_SELECTOR, "a[href='#/']").click()
    wait(browser).until(lambda b: b.find_elements(By.CSS_SELECTOR, ".user-row"))


def test_the_table_is_sorted_and_opened_with_the_keyboard(
    platform: Platform, browser: Chrome
) -> None:
    show(browser, platform)

    def people() -> list[str]:
        found = browser.find_elements(By.CSS_SELECTOR, "[data-testid^='user-name-div-']")
        return [one.text for one in found]

    def sort_until(order: list[str]) -> None:
        pressed = 0.0

        def is_sorted(_: Chrome) -> bool:
            nonlocal pressed
            if people() == order:
                return True
            if time.monotonic() - pressed > 5:  # the rows come from the hub, a moment later
                browser.find_element(By.CSS_SELECTOR, "[data-testid='user-sort']").send_keys(
                    Keys.ENTER
                )
                pressed = time.monotonic()
            return False

        wait(browser, 60).until(is_sorted)

    names = sorted(people())
    assert len(names) > 1
    sort_until(names)
    sort_until(names[::-1])
    sort_until(names)
    toggle = browser.find_element(By.CSS_SELECTOR, f"[aria-label='Details of {OTHER}']")
    toggle.send_keys(Keys.SPACE)
    wait(browser).until(lambda _: toggle.get_attribute("aria-expanded") == "true")
    details = browser.find_element(By.ID, toggle.get_attribute("aria-controls") or "")
    wait(browser).until(lambda _: details.is_displayed())


def test_tab_stops_once_at_each_thing(platform: Platform, browser: Chrome) -> None:
    show(browser, platform)
    browser.find_element(By.NAME, "user_search").click()
    seen = []
    for _ in range(8):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        here = browser.switch_to.active_element
        seen.append((here.tag_name, here.accessible_name))
    assert ("a", "Manage Groups") in seen
    assert ("button", "Manage Groups") not in seen
    assert any(name.startswith("Sort by") for _, name in seen)
