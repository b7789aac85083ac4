"""Every page, on a wide and on a narrow screen: no accessibility rule broken, nothing cut off."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By

from tests.browser.conftest import ARTIFACTS, broken_rules, resize, violations, wait
from tests.lab_client import start_lab, stop_lab
from tests.platform_under_test import Platform

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(300)]

#: Page → who looks at it, where it is, and how its heading begins.
PAGES = {
    "landing": ("nobody", "/", "Test Observatory"),
    "login": ("nobody", "/nb/hub/login", "Log in"),
    "logged-out": ("nobody", "/nb/hub/logout", "Log in"),
    "pretend-github": ("nobody", "/nb/hub/oauth_login", "Who do you want to log in as"),
    "no-such-address": ("nobody", "/nothing/here", "There is nothing here"),
    "log-out": ("mira-member", "/nb/hub/logout", "Do you want to log out?"),
    "home": ("mira-member", "/nb/hub/home", "Hello"),
    "sizes": ("theo-teammate", "/nb/hub/spawn", "Start your lab"),
    "not-running": ("theo-teammate", "/nb/user/theo-teammate/lab", "Your lab is not running"),
    "tokens": ("mira-member", "/nb/hub/token", "Tokens"),
    "no-such-page": ("mira-member", "/nb/hub/nothing", "There is nothing here"),
    "not-for-you": ("mira-member", "/nb/hub/admin", "You do not have access"),
    "used-link": ("mira-member", "/nb/hub/link?token=used", "This link no longer works"),
    "catalogs": ("mira-member", "/portal/app", "Catalogs"),
    "no-such-catalog-page": ("mira-member", "/portal/nothing", "There is nothing here"),
    "admin": ("ada-admin", "/nb/hub/admin", "Admin"),
}
SCREENS = {"wide": (1280, 900), "narrow": (390, 844)}


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_and_usable(
    platform: Platform, browsers: Callable[[str], Chrome], name: str, screen: str
) -> None:
    person, path, heading = PAGES[name]
    browser = browsers(person)
    browser.get("about:blank")  # a page of a lab that is stopped now has errors of its own
    browser.get_log("browser")  # type: ignore[no-untyped-call]
    if person == "mira-member":
        start_lab(platform, person)
    elif person == "theo-teammate":
        stop_lab(platform, person)
    resize(browser, *SCREENS[screen])
    browser.get(platform.url + path)
    wait(browser).until(lambda b: b.find_elements(By.TAG_NAME, "h1"))
    if name == "sizes":
        browser.find_element(By.CSS_SELECTOR, ".fl-options summary").click()
        wait(browser).until(lambda b: b.find_element(By.ID, "reset_user_env").is_displayed())
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    browser.save_screenshot(str(ARTIFACTS / f"page-{name}-{screen}.png"))

    (title,) = browser.find_elements(By.TAG_NAME, "h1")
    assert title.get_attribute("textContent").strip().startswith(heading)
    assert browser.title
    width = browser.execute_script("return document.documentElement.scrollWidth")
    assert width <= SCREENS[screen][0]
    if name == "login":
        height = browser.execute_script("return document.documentElement.scrollHeight")
        assert height <= SCREENS[screen][1], "it is short, and yet it scrolls"
    broken = broken_rules(browser, [])
    assert not broken, json.dumps(broken, indent=1)
    assert not violations(browser)
    errors = [
        line["message"]
        for line in browser.get_log("browser")  # type: ignore[no-untyped-call]
        if line["level"] == "SEVERE"
        and "the server responded with a status of 4" not in line["message"]
    ]
    assert not errors


@pytest.mark.parametrize("screen", SCREENS)
def test_the_cone_search_finds_something_as_it_stands(
    platform: Platform, browsers: Callable[[str], Chrome], screen: str
) -> None:
    browser = browsers("mira-member")
    resize(browser, *SCREENS[screen])
    browser.get(f"{platform.url}/portal/app")
    form = wait(browser).until(lambda b: b.find_element(By.CSS_SELECTOR, "form[action*=cone]"))
    form.find_element(By.CSS_SELECTOR, "button").click()
    wait(browser).until(lambda b: b.find_elements(By.ID, "adql"))
    browser.save_screenshot(str(ARTIFACTS / f"page-cone-{screen}.png"))
    assert "TOP" not in browser.find_element(By.ID, "adql").text
    distances = nearest_first(browser)
    assert len(distances) > 10
    assert distances == sorted(distances)
    assert distances[0] < distances[-1] <= 0.02
    if screen == "wide":
        assert len(columns_in_view(browser)) > 6
    width = browser.execute_script("return document.documentElement.scrollWidth")
    assert width <= SCREENS[screen][0]
    broken = broken_rules(browser, [])
    assert not broken, json.dumps(broken, indent=1)


def nearest_first(browser: Chrome) -> list[float]:
    """Return the distances of a cone search's rows, in degrees, as they are shown."""
    heads = [head.text for head in browser.find_elements(By.CSS_SELECTOR, ".fl-scroll thead th")]
    column = heads.index("distance [deg]") + 1
    cells = browser.find_elements(By.CSS_SELECTOR, f".fl-scroll tbody td:nth-child({column})")
    return [float(cell.text) for cell in cells]


def columns_in_view(browser: Chrome) -> list[str]:
    """Return the columns of the result that can be seen whole without scrolling sideways."""
    names: list[str] = browser.execute_script(
        """
        const right = document.querySelector(".fl-scroll").getBoundingClientRect().right;
        return [...document.querySelectorAll(".fl-scroll thead th")]
          .filter((head) => head.getBoundingClientRect().right <= right)
          .map((head) => head.textContent);
        """
    )
    return names


def test_the_way_to_a_lab_can_be_gone_by_keyboard(
    platform: Platform, browser: Chrome, picture: Callable[[str], None]
) -> None:
    browser.get(platform.url + "/")
    stop_lab(platform, "theo-teammate")
    press_until(browser, lambda element: "/nb/" in (element.get_attribute("href") or ""))
    picture("focus")
    outline = browser.execute_script(
        "const s = getComputedStyle(document.activeElement); return s.outlineStyle + s.boxShadow"
    )
    assert outline != "nonenone", "the element in focus is not marked"
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    wait(browser).until(lambda b: b.find_elements(By.CSS_SELECTOR, "a[href*='oauth_login']"))
    press_until(browser, lambda element: "oauth_login" in (element.get_attribute("href") or ""))
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    wait(browser).until(lambda b: b.find_elements(By.ID, "person-theo-teammate"))
    press_until(browser, lambda element: element.get_attribute("id") == "person-theo-teammate")
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    wait(browser).until(lambda b: b.find_elements(By.ID, "size-small"))
    press_until(browser, lambda element: element.get_attribute("name") == "size")
    browser.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    picture("size")
    assert not browser.find_element(By.ID, "size-small").is_selected()


def press_until(browser: Chrome, found: Callable[[Any], bool]) -> None:
    """Press the tab key until what is in focus is what we look for."""
    for _ in range(30):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        if found(browser.switch_to.active_element):
            return
    raise AssertionError("it cannot be reached with the tab key")
