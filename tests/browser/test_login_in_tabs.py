"""Two tabs of one browser that log in at the same time, through GitHub's page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser.conftest import wait
from tests.platform_under_test import Platform

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(300)]

PERSON = "mira-member"
#: Where each tab was on its way to.
TABS = {"first": "/nb/hub/token", "second": "/nb/hub/home"}


def open_tabs(platform: Platform, browser: Chrome) -> dict[str, str]:
    """Open tabs that all wait at GitHub's page, and return their handles."""
    handles = {}
    for name, path in TABS.items():
        if handles:
            browser.switch_to.new_window("tab")
        handles[name] = browser.current_window_handle
        browser.get(platform.url + path)
        browser.find_element(By.CSS_SELECTOR, "a[href*='oauth_login']").click()
        wait(browser).until(lambda b: b.find_elements(By.ID, f"person-{PERSON}"))
    return handles


@pytest.mark.parametrize("order", [["first", "second"], ["second", "first"]], ids=" then ".join)
def test_both_get_in_and_where_they_wanted(
    platform: Platform, browser: Chrome, picture: Callable[[str], None], order: list[str]
) -> None:
    handles = open_tabs(platform, browser)
    for name in order:
        browser.switch_to.window(handles[name])
        browser.find_element(By.ID, f"person-{PERSON}").click()
        wait(browser).until(lambda b: b.current_url == platform.url + TABS[name])  # noqa: B023
        picture(name)
        assert PERSON in browser.find_element(By.CSS_SELECTOR, ".fl-header").text
    for name, handle in handles.items():
        browser.switch_to.window(handle)
        browser.refresh()
        assert browser.current_url == platform.url + TABS[name]
        assert PERSON in browser.find_element(By.CSS_SELECTOR, ".fl-header").text


def test_both_get_in_when_their_answers_cross(
    platform: Platform, browser: Chrome, picture: Callable[[str], None]
) -> None:
    handles = open_tabs(platform, browser)
    for handle in handles.values():
        browser.switch_to.window(handle)
        # Pressed in both before either has an answer.
        browser.execute_script(
            "const button = document.getElementById(arguments[0]);"
            "setTimeout(() => button.click(), 0)",
            f"person-{PERSON}",
        )
    for name, handle in handles.items():
        browser.switch_to.window(handle)
        wait(browser).until(lambda b: b.current_url == platform.url + TABS[name])  # noqa: B023
        picture(name)
        assert PERSON in browser.find_element(By.CSS_SELECTOR, ".fl-header").text
