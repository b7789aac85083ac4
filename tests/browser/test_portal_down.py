"""What ``/`` shows while the portal, which serves it, is down: a page like the others."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser.conftest import ARTIFACTS, broken_rules, resize, violations, wait
from tests.platform_under_test import Platform

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(300)]

SCREENS = {"wide": (1280, 900), "narrow": (390, 844)}
TITLES = {"/": "The front page is restarting", "/portal/app": "The catalog pages are restarting"}


@contextmanager
def kept_down(platform: Platform, component: str) -> Iterator[None]:
    """Kill a component, and each one that the supervisor starts in its place before it listens."""
    first = platform.pid_of(component)
    command = Path(f"/proc/{first}/cmdline").read_bytes()
    supervisor = Path(f"/proc/{first}/stat").read_text().rpartition(")")[2].split()[1]
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children")
    over = Event()

    def kill() -> None:
        while not over.wait(0.02):
            for pid in children.read_text().split():
                with suppress(FileNotFoundError, ProcessLookupError):
                    if Path(f"/proc/{pid}/cmdline").read_bytes() == command:
                        os.kill(int(pid), signal.SIGKILL)

    thread = Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def heading(browser: Chrome) -> str:
    return browser.find_element(By.TAG_NAME, "h1").text


def show(browser: Chrome, platform: Platform, path: str) -> None:
    """Load a page until it is that of the outage."""

    def is_shown(browser: Chrome) -> bool:
        browser.get(platform.url + path)
        return heading(browser) == TITLES[path]

    wait(browser).until(is_shown)


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("path", TITLES)
def test_the_page_is_whole_and_comes_back(
    platform: Platform, browser: Chrome, path: str, screen: str
) -> None:
    resize(browser, *SCREENS[screen])
    browser.get(platform.url + path)
    before = heading(browser)
    with kept_down(platform, "portal"):
        show(browser, platform, path)
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        name = "front" if path == "/" else "catalogs"
        browser.save_screenshot(str(ARTIFACTS / f"portal-down-{name}-{screen}.png"))
        header = browser.find_element(By.CSS_SELECTOR, ".fl-header")
        assert "Test Observatory" in header.text
        # Its stylesheet, colours and logo do not come from what is down.
        painted = "return getComputedStyle(arguments[0]).backgroundImage"
        assert "gradient" in browser.execute_script(painted, header)
        logo = header.find_element(By.TAG_NAME, "img")
        assert browser.execute_script("return arguments[0].naturalWidth", logo) > 0
        assert "help@observatory.example" in browser.find_element(By.TAG_NAME, "body").text
        width = browser.execute_script("return document.documentElement.scrollWidth")
        assert width <= SCREENS[screen][0]
        broken = broken_rules(browser, [])
        assert not broken, json.dumps(broken, indent=1)
        assert not violations(browser)
        # Until there is something to see, it does not reload.
        browser.execute_script("window.firstlightLooked = true")
        looked = "return performance.getEntriesByName(location.href, 'resource').length"
        wait(browser, 60).until(lambda b: b.execute_script(looked) > 1)
        assert browser.execute_script("return window.firstlightLooked")
        assert heading(browser) == TITLES[path]
    wait(browser, 60).until(lambda b: heading(b) == before)
