"""A real browser, and a picture of every step it takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

import benchmarks.browser
from tests.platform_under_test import Platform

AXE = Path(__file__).parent / "axe" / "node_modules" / "axe-core" / "axe.min.js"
ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts" / "screenshots"


def start_browser(
    folder: Path, *arguments: str, width: int = 1280, height: int = 900
) -> webdriver.Chrome:
    """Start a browser with an empty profile, which collects what policies refuse."""
    browser = benchmarks.browser.start_browser(folder, *arguments, width=width, height=height)
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _COLLECTOR})
    return browser


_COLLECTOR = """
window.firstlightViolations = [];
document.addEventListener("securitypolicyviolation", (event) => window.firstlightViolations.push(
  `${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber} ${event.sample}`));
"""


def violations(browser: webdriver.Chrome) -> list[str]:
    """Return what the page's Content-Security-Policy has refused so far."""
    found: list[str] = browser.execute_script("return window.firstlightViolations")
    return found


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    """Return a fresh browser."""
    driver = start_browser(tmp_path / "profile")
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def browsers(
    platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], webdriver.Chrome]]:
    """Return a function that gives a person's own browser, logged in."""
    open_ones: dict[str, webdriver.Chrome] = {}

    def browser_of(person: str) -> webdriver.Chrome:
        if person not in open_ones:
            open_ones[person] = start_browser(tmp_path_factory.mktemp(person))
            if person != "nobody":
                log_in(open_ones[person], platform, person)
        return open_ones[person]

    yield browser_of
    for browser in open_ones.values():
        browser.quit()


@pytest.fixture
def picture(browser: webdriver.Chrome, request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Return a function that keeps a screenshot as ``<test>-<number>-<name>.png``."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    taken: list[str] = []

    def take(name: str) -> None:
        taken.append(name)
        number = f"{len(taken):02d}"
        browser.save_screenshot(str(ARTIFACTS / f"{request.node.name}-{number}-{name}.png"))

    return take


def wait(browser: webdriver.Chrome, seconds: float = 30) -> WebDriverWait[webdriver.Chrome]:
    """Return something to wait with that does not mind a page that changes meanwhile."""
    return WebDriverWait(browser, seconds, ignored_exceptions=(StaleElementReferenceException,))


def log_in(browser: webdriver.Chrome, platform: Platform, person: str) -> None:
    """Go the way of a person who logs in for the first time."""
    browser.get(platform.url + "/")
    browser.find_element(By.CSS_SELECTOR, "a[href*='/nb/']").click()
    wait(browser).until(lambda b: b.find_elements(By.CSS_SELECTOR, "a[href*='oauth_login']"))
    browser.find_element(By.CSS_SELECTOR, "a[href*='oauth_login']").click()
    wait(browser).until(lambda b: b.find_elements(By.ID, f"person-{person}"))
    browser.find_element(By.ID, f"person-{person}").click()
    # Going on to another page before the hub's answer would give up the login.
    wait(browser).until(lambda b: "/nb/" in b.current_url and "oauth_login" not in b.current_url)


def notebook(cells: list[str], kernel: str = "lsst") -> str:
    """Return a notebook with cells of code, as a file contains it."""
    return json.dumps(
        {
            "cells": [
                {
                    "cell_type": "code",
                    "id": f"cell-{number}",
                    "metadata": {},
                    "outputs": [],
                    "execution_count": None,
                    "source": source,
                }
                for number, source in enumerate(cells)
            ],
            "metadata": {"kernelspec": {"name": kernel, "display_name": "x", "language": "python"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )


def wait_for_kernel(browser: webdriver.Chrome) -> None:
    """Wait until the notebook's kernel is idle: Run All before there is a kernel asks which one."""
    status = ".jp-StatusBar-Widget, #jp-main-statusbar"
    wait(browser, 90).until(
        lambda b: any("Idle" in bar.text for bar in b.find_elements(By.CSS_SELECTOR, status))
    )


def run_all_cells(browser: webdriver.Chrome) -> None:
    """Use the menu, Run, then Run All Cells; use it again if no cell was scheduled.

    Notes
    -----
    JupyterLab says nothing when it gives up what it sent to a kernel whose connection was replaced
    meanwhile: `runCell` in its ``cellexecutor.ts`` ignores errors that begin with "Canceled".
    """
    for _ in range(3):
        _press_run_all(browser)
        with suppress(TimeoutException):
            wait(browser, 20).until(_any_cell_was_scheduled)
            return
    raise AssertionError("Run All Cells was pressed three times, and no cell ran")


def _any_cell_was_scheduled(browser: webdriver.Chrome) -> bool:
    prompts = browser.find_elements(By.CSS_SELECTOR, ".jp-Notebook .jp-InputArea-prompt")
    return any(set(prompt.text) & set("*0123456789") for prompt in prompts)


def _press_run_all(browser: webdriver.Chrome) -> None:
    menu = next(
        item
        for item in browser.find_elements(By.CSS_SELECTOR, ".lm-MenuBar-item")
        if item.text.strip() == "Run"
    )
    menu.click()
    command = "[data-command='runmenu:run-all']"
    wait(browser).until(lambda b: b.find_elements(By.CSS_SELECTOR, command))
    browser.find_element(By.CSS_SELECTOR, command).click()


def resize(browser: webdriver.Chrome, width: int, height: int) -> None:
    """Set the size of the page itself, as a telephone has it."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
    )


def broken_rules(
    browser: webdriver.Chrome, without: list[str], *, within: str = "html"
) -> list[dict[str, Any]]:
    """Return what axe-core finds: WCAG 2.1, levels A and AA."""
    browser.execute_script(AXE.read_text())
    found: dict[str, Any] = browser.execute_async_script(
        """
        const [within, without, done] = arguments;
        const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"];
        // Stylesheets that it loads beforehand, for one experimental rule, are refused by our policy.
        axe.run({include: [within], exclude: without}, {runOnly: rules, preload: false}).then(done);
        """,
        within,
        without,
    )
    return [
        {
            "rule": rule["id"],
            "help": rule["help"],
            "where": [n["html"][:200] for n in rule["nodes"]],
        }
        for rule in found["violations"]
    ]
