"""From pressing Start to the result of the tutorial's first cell, in a browser.

Somebody with a new home presses Start, waits until the tutorial is open and its kernel is idle, and
presses Shift+Enter in its first cell of code, which imports what the tutorial needs. With a *cold
cache*, the browser's profile is new; with a *warm* one, it has opened this lab before.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable

from selenium.common.exceptions import (
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from benchmarks.browser import start_browser
from benchmarks.measure import Comparison, Series
from benchmarks.running import PERSON, RunningPlatform, running
from benchmarks.session import Session

__all__ = ["run"]

_PATIENCE = 120
_POLL_SECONDS = 0.05
_FIRST_CELL = ".jp-Notebook .jp-CodeCell"


def run(session: Session) -> list[Comparison]:
    """Measure how long it takes until somebody works."""
    rounds = session.rounds(5)
    state = session.new_state("first-cell")
    taken: dict[str, list[float]] = {"cold": [], "warm": []}
    with (
        session.steps("first-cell: measuring", 2 * rounds) as step,
        running(state) as platform,
    ):
        for number in range(rounds):
            browser = start_browser(session.folder / f"profile-{number}")
            try:
                _log_in(browser, platform)
                for values in taken.values():
                    values.append(_first_cell(browser, platform))
                    platform.stop_lab()
                    shutil.rmtree(state.root / "homes" / PERSON)
                    step()
            finally:
                browser.quit()
    return [
        Comparison(f"from Start to the first cell's result, {cache} cache", "s", Series((*values,)))
        for cache, values in taken.items()
    ]


def _log_in(browser: Chrome, platform: RunningPlatform) -> None:
    browser.get(platform.link())
    browser.find_element(By.CSS_SELECTOR, "form [type=submit]").click()
    _wait(browser, lambda b: "/hub/link" not in b.current_url)


def _first_cell(browser: Chrome, platform: RunningPlatform) -> float:
    """Return the seconds from pressing Start to the first cell's result."""
    browser.get(f"http://localhost:{platform.url.rpartition(':')[2]}/nb/hub/spawn")
    start = browser.find_element(By.CSS_SELECTOR, "#spawn_form [type=submit]")
    began = time.perf_counter()
    start.click()
    _wait(browser, lambda b: b.find_elements(By.CSS_SELECTOR, f"{_FIRST_CELL} .cm-content"))
    _wait(browser, lambda b: "Idle" in b.find_element(By.ID, "jp-main-statusbar").text)
    _wait(browser, lambda b: not b.find_elements(By.ID, "jupyterlab-splash"))
    _wait(browser, _press)
    _wait(browser, lambda b: "[1]" in _prompt(b))
    took = time.perf_counter() - began
    if browser.find_elements(By.CSS_SELECTOR, "[data-mime-type='application/vnd.jupyter.error']"):
        raise RuntimeError("the tutorial's first cell failed")
    return took


def _press(browser: Chrome) -> bool:
    """Press Shift+Enter in the first cell; return whether it was scheduled."""
    browser.find_element(By.CSS_SELECTOR, f"{_FIRST_CELL} .cm-content").click()
    ActionChains(browser).key_down(Keys.SHIFT).send_keys(Keys.ENTER).key_up(Keys.SHIFT).perform()
    return _prompt(browser) != "[ ]:"


def _prompt(browser: Chrome) -> str:
    return str(browser.find_element(By.CSS_SELECTOR, f"{_FIRST_CELL} .jp-InputPrompt").text)


def _wait(browser: Chrome, condition: Callable[[Chrome], object]) -> None:
    ignored = (
        NoSuchElementException,
        StaleElementReferenceException,
        ElementNotInteractableException,
    )
    WebDriverWait(browser, _PATIENCE, _POLL_SECONDS, ignored).until(condition)
