"""JupyterLab in a real browser: widgets without the internet, a narrow screen, what a start tells."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import element_to_be_clickable

from firstlight_hub.spawner import machine
from tests.browser.conftest import (
    notebook,
    resize,
    run_all_cells,
    start_browser,
    wait,
    wait_for_kernel,
)
from tests.lab_under_test import OWNER, TOKEN, Lab, fake_hub

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

WIDGETS = {
    "slider": (
        "import ipywidgets\nipywidgets.IntSlider(value=7)",
        ".jp-OutputArea .widget-slider .noUi-handle, .jp-OutputArea .jupyter-widgets.widget-slider",
    ),
    "figure": (
        "%matplotlib widget\nimport matplotlib.pyplot as plt\n_ = plt.plot([1, 2, 3])",
        ".jp-OutputArea .jupyter-matplotlib canvas",
    ),
    "bokeh": (
        "from bokeh.io import output_notebook, show\nfrom bokeh.plotting import figure\n"
        "from bokeh.resources import INLINE\noutput_notebook(INLINE, hide_banner=True)\n"
        "f = figure(width=300, height=200)\nf.line([1, 2], [3, 4])\nshow(f)",
        ".jp-OutputArea .bk-Figure, .jp-OutputArea [class*='bk-']",
    ),
}


LONG = "02-the-name-of-a-tutorial-with-which-a-note-is-too-long-for-a-notification"


def put(lab: Lab, name: str, text: str) -> None:
    path = lab.home / name
    path.write_text(text)
    os.chown(path, *OWNER)


@pytest.fixture(scope="module")
def lab(
    tmp_path_factory: pytest.TempPathFactory, labs_python: Path, repository: Path
) -> Iterator[Lab]:
    state, tutorials = tmp_path_factory.mktemp("lab"), tmp_path_factory.mktemp("tutorials")
    for folder in (state, tutorials):
        folder.chmod(0o755)
    for name in ("01-first", LONG):
        (tutorials / f"{name}.ipynb").write_text(notebook(["1"]))
    installation = machine.inspect(labs_python, state / "run" / "lab-python")
    with fake_hub() as hub:
        made = Lab(state, tutorials, hub, installation)
        made.start()
        put(made, "widgets.ipynb", notebook([source for source, _ in WIDGETS.values()]))
        for name in ("01-first", LONG):
            put(made, f"tutorials/{name}.ipynb", notebook(["2"]))
            (tutorials / f"{name}.ipynb").write_text(notebook(["1", "new"]))
        made.stop()
        made.start()
        yield made
        made.stop()


@pytest.fixture
def offline(tmp_path: Path) -> Iterator[Chrome]:
    """Return a browser that finds nothing but this machine."""
    driver = start_browser(tmp_path / "profile")
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["https://*"]})
    yield driver
    driver.quit()


def open_lab(browser: Chrome, lab: Lab, path: str) -> None:
    browser.get(f"{lab.url}lab{path}?token={TOKEN}")
    wait(browser, 90).until(lambda b: b.find_elements(By.ID, "jp-main-dock-panel"))
    wait(browser, 60).until(lambda b: not b.find_elements(By.ID, "jupyterlab-splash"))


def test_widgets_and_plots_appear_without_the_internet(lab: Lab, offline: Chrome) -> None:
    open_lab(offline, lab, "/tree/widgets.ipynb")
    wait(offline, 90).until(lambda b: b.find_elements(By.CSS_SELECTOR, ".jp-Notebook .jp-Cell"))
    wait_for_kernel(offline)
    run_all_cells(offline)
    wait(offline, 120).until(lambda b: numbered(b) == len(WIDGETS))
    for name, (_, selector) in WIDGETS.items():
        wait(offline, 90).until(lambda b: is_drawn(b, selector), f"{name} did not appear")  # noqa: B023


def is_drawn(browser: Chrome, selector: str) -> bool:
    return any(one.size["width"] > 20 for one in browser.find_elements(By.CSS_SELECTOR, selector))


def test_on_a_narrow_screen_the_notebook_has_the_width(lab: Lab, offline: Chrome) -> None:
    resize(offline, 390, 844)
    open_lab(offline, lab, "/tree/widgets.ipynb")
    wait(offline, 90).until(
        lambda b: b.find_element(By.CSS_SELECTOR, ".jp-Notebook").size["width"] > 250
    )
    assert not offline.find_element(By.CSS_SELECTOR, "#jp-left-stack").is_displayed()


def test_on_a_wide_screen_the_file_browser_is_open(lab: Lab, offline: Chrome) -> None:
    open_lab(offline, lab, "/workspaces/wide")
    wait(offline, 60).until(file_browser_is_open)


def test_what_a_narrow_screen_closed_is_open_again_on_a_wide_one(lab: Lab, offline: Chrome) -> None:
    for _ in range(2):  # the second time, it is closed already
        resize(offline, 390, 844)
        open_lab(offline, lab, "/workspaces/both")
        wait(offline, 60).until(lambda b: not file_browser_is_open(b))
        wait(offline, 60).until(lambda _: saved_layout(lab, "both")["left"]["collapsed"])
    resize(offline, 1280, 900)
    open_lab(offline, lab, "/workspaces/both")
    wait(offline, 60).until(file_browser_is_open)


def file_browser_is_open(browser: Chrome) -> bool:
    return browser.find_element(By.CSS_SELECTOR, "#jp-left-stack").is_displayed()


def saved_layout(lab: Lab, workspace: str) -> dict[str, dict[str, bool]]:
    """Return what JupyterLab has saved of a workspace; that is a moment after each change."""
    data = lab.get(f"lab/api/workspaces/{workspace}").json()["data"]
    layout: dict[str, dict[str, bool]] = data.get(
        "layout-restorer:data", {"left": {"collapsed": False}}
    )
    return layout


def test_a_person_is_told_of_a_new_version_once(lab: Lab, offline: Chrome) -> None:
    note = ".Toastify__toast, .jp-toast-message"
    open_lab(offline, lab, "")
    wait(offline, 60).until(
        lambda b: any(
            "tutorials/01-first.new-version.ipynb" in (one.get_attribute("textContent") or "")
            for one in b.find_elements(By.CSS_SELECTOR, note)
        )
    )


def test_a_long_note_can_be_read_to_its_end(lab: Lab, offline: Chrome) -> None:
    open_lab(offline, lab, "")
    button = "//*[contains(@class, 'Toastify__toast')]//button[contains(., 'Read all')]"
    wait(offline, 60).until(element_to_be_clickable((By.XPATH, button))).click()
    wait(offline).until(
        lambda b: (
            f"tutorials/{LONG}.new-version.ipynb."
            in b.find_element(By.CSS_SELECTOR, ".jp-Dialog-content").text
        )
    )


def numbered(browser: Chrome) -> int:
    """Return how many cells have been executed."""
    prompts = browser.find_elements(By.CSS_SELECTOR, ".jp-Notebook .jp-InputArea-prompt")
    return sum(any(letter.isdigit() for letter in one.text) for one in prompts)
