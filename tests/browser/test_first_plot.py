"""The whole way, as a person goes it: from the landing page to a plotted galaxy, and out."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By

from tests.browser.conftest import log_in, run_all_cells, wait, wait_for_kernel
from tests.lab_client import stop_lab
from tests.platform_under_test import Platform

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(420)]


def text(browser: Chrome) -> str:
    return browser.find_element(By.TAG_NAME, "body").text


def test_from_login_to_a_plotted_galaxy(
    platform: Platform, browser: Chrome, picture: Callable[[str], None]
) -> None:
    stop_lab(platform, "mira-member")
    # Only somebody with a new home is led to the tutorial.
    shutil.rmtree(platform.state_dir / "homes" / "mira-member", ignore_errors=True)
    browser.get(platform.url + "/")
    assert "Test Observatory" in text(browser)
    picture("landing")

    browser.find_element(By.CSS_SELECTOR, "a[href*='/nb/']").click()
    wait(browser).until(lambda b: b.find_elements(By.CSS_SELECTOR, "a[href*='oauth_login']"))
    picture("login")
    browser.find_element(By.CSS_SELECTOR, "a[href*='oauth_login']").click()
    wait(browser).until(lambda b: b.find_elements(By.ID, "person-mira-member"))
    picture("github")
    browser.find_element(By.ID, "person-mira-member").click()

    wait(browser).until(lambda b: b.find_elements(By.ID, "size-small"))
    picture("sizes")
    assert browser.find_element(By.ID, "size-small").is_selected()
    browser.find_element(By.CSS_SELECTOR, ".fl-options summary").click()
    wait(browser).until(lambda b: b.find_element(By.ID, "reset_user_env").is_displayed())
    picture("options")
    browser.find_element(By.CSS_SELECTOR, "form [type=submit]").click()
    wait(browser).until(lambda b: "spawn-pending" in b.current_url or "/user/" in b.current_url)
    picture("progress")

    wait(browser, 90).until(lambda b: "/user/mira-member/lab" in b.current_url)
    wait(browser, 90).until(lambda b: b.find_elements(By.CSS_SELECTOR, ".jp-Notebook .jp-Cell"))
    wait(browser, 60).until(lambda b: not b.find_elements(By.ID, "jupyterlab-splash"))
    wait_for_kernel(browser)
    picture("notebook")

    run_all_cells(browser)
    try:
        wait(browser, 180).until(lambda b: notebook_is_done(b))
    finally:
        picture("run")
    assert not browser.find_elements(
        By.CSS_SELECTOR, "[data-mime-type='application/vnd.jupyter.error']"
    )
    images = browser.find_elements(By.CSS_SELECTOR, ".jp-OutputArea img, .jp-OutputArea canvas")
    assert len(images) >= 2
    # Cells above are laid out as they come into view, and move what is below.
    wait(browser).until(
        lambda b: b.execute_script(
            """
            const image = arguments[0];
            image.scrollIntoView({block: "center"});
            const {top, bottom} = image.getBoundingClientRect();
            const middle = (top + bottom) / 2;
            const still = Math.abs(middle - window.firstlightMiddle) < 1;
            window.firstlightMiddle = middle;
            return still && image.naturalWidth > 300 && middle > 300 && middle < 550;
            """,
            images[1],
        )
    )
    picture("plot")

    browser.get(f"{platform.url}/nb/hub/home")
    picture("home")
    start_again(browser)
    wait(browser, 90).until(lambda b: b.find_elements(By.CSS_SELECTOR, ".jp-Notebook .jp-Cell"))
    wait(browser, 30).until(lambda b: "01-first-light" in b.current_url)
    picture("tutorial-again")

    browser.get(f"{platform.lab('mira-member')}/lab?reset")
    card = ".jp-LauncherCard[title='First light']"
    wait(browser, 90).until(lambda b: b.find_elements(By.CSS_SELECTOR, card))
    wait(browser, 60).until(lambda b: not b.find_elements(By.ID, "jupyterlab-splash"))
    picture("launcher")
    browser.find_element(By.CSS_SELECTOR, card).click()
    wait(browser, 60).until(lambda b: b.find_elements(By.CSS_SELECTOR, ".jp-Notebook .jp-Cell"))
    tab = "[title*='Path: tutorials/01-first-light']"  # JupyterLab sets it a moment later
    wait(browser, 30).until(lambda b: b.find_elements(By.CSS_SELECTOR, tab))

    browser.get(f"{platform.url}/nb/hub/home")
    browser.find_element(By.ID, "logout").click()
    wait(browser).until(lambda b: b.find_elements(By.ID, "logout-now"))
    picture("log-out")
    browser.find_element(By.ID, "logout-now").click()
    wait(browser).until(lambda b: b.current_url.endswith("/nb/hub/login"))
    picture("logged-out")
    # The lab remembers for ten seconds who its visitors are.
    wait(browser, 60).until(lambda b: leads_to_login(b, f"{platform.lab('mira-member')}/lab"))


def leads_to_login(browser: Chrome, address: str) -> bool:
    """Open an address, and return whether it leads to the login page."""
    browser.get(address)
    return "login" in browser.current_url


def start_again(browser: Chrome) -> None:
    """Stop the lab, start it by the form, and open the tutorial from the home page."""
    home = browser.current_url
    browser.find_element(By.ID, "stop").click()
    wait(browser, 60).until(lambda b: b.find_element(By.ID, "start").text == "Start your lab")
    browser.find_element(By.ID, "start").click()
    wait(browser).until(lambda b: b.find_elements(By.ID, "size-small"))
    assert browser.find_element(By.ID, "size-small").is_selected()
    browser.find_element(By.CSS_SELECTOR, "form [type=submit]").click()
    wait(browser, 90).until(lambda b: "/user/mira-member/lab" in b.current_url)
    browser.get(home)
    wait(browser).until(lambda b: b.find_elements(By.ID, "tutorial"))
    browser.find_element(By.ID, "tutorial").click()


def notebook_is_done(browser: Chrome) -> bool:
    """Scroll to the end and look for the last cell's words."""
    ActionChains(browser).send_keys(Keys.NULL).perform()
    browser.execute_script(
        "const n = document.querySelector('.jp-WindowedPanel-outer'); if (n) n.scrollTop = n.scrollHeight;"
    )
    outputs = browser.find_elements(By.CSS_SELECTOR, ".jp-OutputArea-output")
    return any(
        "first light" in output.text.lower() and "done" in output.text.lower() for output in outputs
    )


@pytest.mark.parametrize(
    ("person", "words"),
    [("sam-stranger", "is not on this site's list"), ("bob-blocked", "blocked")],
)
def test_who_is_not_let_in_sees_why_and_whom_to_ask(
    platform: Platform,
    browser: Chrome,
    picture: Callable[[str], None],
    person: str,
    words: str,
) -> None:
    log_in(browser, platform, person)
    wait(browser).until(lambda b: "oauth_callback" in b.current_url)
    picture("turned-away")
    shown = text(browser)
    assert words in shown.lower()
    assert "help@observatory.example" in shown
    assert "Traceback" not in shown
