"""A lab at its limits, as its person sees it in JupyterLab and an administrator on their page."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import requests
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.browser.conftest import (
    ARTIFACTS,
    broken_rules,
    log_in,
    notebook,
    resize,
    run_all_cells,
    wait,
    wait_for_kernel,
)
from tests.lab_client import api_of, kernel_in_lab, start_lab
from tests.platform_under_test import Platform, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(600)]

PERSON, ADMIN = "mira-member", "ada-admin"
NOTE = ".Toastify__toast"
DIALOG = ".jp-Dialog .jp-Dialog-content"
GREEDY = "x = bytearray(3 * 1024**3)\nx[::4096] = b'1' * len(x[::4096])"
VIEWS = {"wide": (1280, 900), "narrow": (390, 844), "dark": (1280, 900)}
FILL = """
import ctypes, os, time
try:
    while True:
        if os.fork() == 0:
            ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG: it ends with the kernel
            time.sleep(600)
            os._exit(0)
except BlockingIOError:
    pass
"""
Browsers = Callable[[str], Chrome]
Picture = Callable[[str], None]


@pytest.fixture
def member(platform: Platform, limits: None, browser: Chrome) -> Chrome:
    """Return a browser of somebody whose small lab runs."""
    log_in(browser, platform, PERSON)
    start_lab(platform, PERSON, "small")
    return browser


def open_lab(browser: Chrome, platform: Platform, path: str) -> None:
    browser.get(f"{platform.lab(PERSON)}/lab{path}")
    wait(browser, 90).until(lambda b: b.find_elements(By.ID, "jp-main-dock-panel"))
    wait(browser, 60).until(lambda b: not b.find_elements(By.ID, "jupyterlab-splash"))


def shown(browser: Chrome, selector: str, words: str, seconds: float = 90) -> str:
    """Wait for a message with some words that can be seen, and return all of its words."""

    def find(_: Chrome) -> str:
        found: list[WebElement] = browser.find_elements(By.CSS_SELECTOR, selector)
        return next((one.text for one in found if one.is_displayed() and words in one.text), "")

    return wait(browser, seconds).until(find, f"nothing said {words!r}")


def check(browser: Chrome, within: str) -> None:
    broken = broken_rules(browser, [], within=within)
    assert not broken, json.dumps(broken, indent=1)


def test_out_of_memory_is_told_in_the_lab(
    platform: Platform, member: Chrome, picture: Picture
) -> None:
    base, headers = api_of(platform, PERSON)
    content = {"type": "notebook", "content": json.loads(notebook([GREEDY]))}
    address = f"{base}/api/contents/greedy.ipynb"
    answer = requests.put(address, json=content, headers=headers, timeout=60)
    assert answer.ok, answer.text
    open_lab(member, platform, "/tree/greedy.ipynb")
    wait_for_kernel(member)
    run_all_cells(member)
    said = shown(member, NOTE, "ran out of memory")
    picture("told")

    assert "greedy.ipynb: The lab ran out of memory (2 GiB)" in said
    assert "this kernel was ended" in said
    assert said.endswith("Use less data, shut down kernels or start a larger lab.")
    check(member, NOTE)


def entry(browser: Chrome, platform: Platform) -> tuple[str, str]:
    """Open the administration page; return what it says of the person's lab, and since when."""

    def find(_: Chrome) -> WebElement | None:
        browser.get(f"{platform.url}/nb/hub/admin")
        rows = browser.find_elements(By.CSS_SELECTOR, "#firstlight-shortages li")
        return next((row for row in rows if PERSON in row.text), None)

    row = wait(browser, 120).until(find, "the list does not name the lab")
    assert row is not None
    time = row.find_element(By.TAG_NAME, "time").get_attribute("datetime")
    assert time
    return row.text, time


@pytest.mark.parametrize("view", VIEWS)
def test_administrators_see_which_labs_ran_out_of_memory(
    platform: Platform, limits: None, browsers: Browsers, view: str
) -> None:
    platform.login(PERSON)
    start_lab(platform, PERSON, "small")
    browser = browsers(ADMIN)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if view == "dark" else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    resize(browser, *VIEWS[view])
    browser.get(f"{platform.url}/nb/hub/admin")
    if PERSON not in browser.find_element(By.ID, "firstlight-shortages").text:
        run_out_of_memory(platform)
    words, _ = entry(browser, platform)
    section = browser.find_element(By.ID, "firstlight-shortages")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", section)
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    browser.save_screenshot(str(ARTIFACTS / f"admin-shortages-{view}.png"))

    assert re.search(r"The system ended (python \(process \d+, \d|\d process)", words), words
    assert "The lab's limit is 2 GiB." in words
    assert "Ask them to work on less data at a time" in section.text
    assert "labs.sizes" in section.text
    check(browser, "#firstlight-shortages")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= VIEWS[view][0]


def run_out_of_memory(platform: Platform) -> None:
    """Let a kernel in the person's lab use too much."""
    with pytest.raises((AssertionError, TimeoutError)), kernel_in_lab(platform, PERSON) as kernel:
        kernel.run(GREEDY, seconds=30)


def test_the_list_outlives_a_killed_hub(
    platform: Platform, limits: None, browsers: Browsers
) -> None:
    platform.login(PERSON)
    start_lab(platform, PERSON, "small")
    browser = browsers(ADMIN)
    run_out_of_memory(platform)
    before = entry(browser, platform)
    hub = platform.pid_of("hub")
    os.kill(hub, signal.SIGKILL)

    def polled_again() -> bool:
        components = {one["name"]: one for one in platform.status_or_none()}
        log = (platform.state_dir / "logs" / "hub.log").read_text()
        started = log.rpartition("Running JupyterHub")[2] if "Running JupyterHub" in log else ""
        return components["hub"]["pid"] not in {hub, None} and f"{PERSON}" in started

    wait_for(polled_again, what="another hub that knows the lab")
    assert entry(browser, platform) == before


@contextmanager
def full_lab(platform: Platform) -> Iterator[None]:
    """Fill somebody's lab with processes."""
    with kernel_in_lab(platform, PERSON) as kernel:
        kernel.run(FILL, seconds=120)
        yield


@pytest.mark.parametrize(
    ("card", "what"),
    [
        (".jp-LauncherCard[data-category='Console']", "A new kernel cannot start"),
        (".jp-LauncherCard[title*='terminal' i]", "A new terminal cannot start"),
        (".jp-LauncherCard[data-category='Notebook']", "This cannot be saved"),
    ],
    ids=["kernel", "terminal", "notebook"],
)
def test_what_cannot_start_at_the_process_limit_says_so(
    platform: Platform, member: Chrome, picture: Picture, card: str, what: str
) -> None:
    open_lab(member, platform, "?reset")
    wait(member, 60).until(lambda b: b.find_elements(By.CSS_SELECTOR, card))
    with full_lab(platform):
        member.find_element(By.CSS_SELECTOR, card).click()
        try:
            said = shown(member, DIALOG, "as many processes as it may have")
        finally:
            picture("told")
        check(member, DIALOG)

    assert what in said
    assert "(512 processes and threads)" in said
    assert "Shut down kernels and terminals that you do not need" in said
