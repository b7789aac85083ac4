"""What a person sees whose lab waits until those of others have started."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser.conftest import broken_rules, log_in, violations, wait
from tests.platform_under_test import Platform, stopped

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(300)]

PERSON, OTHERS = "mira-member", ("theo-teammate", "ada-admin")


def test_the_queue_is_shown_and_the_lab_opens_in_its_turn(
    one_at_a_time: Platform, browser: Chrome, picture: Callable[[str], None]
) -> None:
    site = one_at_a_time
    for other in OTHERS:
        site.login(other)
    log_in(browser, site, PERSON)
    wait(browser).until(lambda b: b.find_elements(By.ID, "size-small"))
    with stopped(site.pid_of("forks")):  # labs start too fast to see it
        for other in OTHERS:
            answer = site.hub("POST", f"/users/{other}/server", json={"size": "small"})
            assert answer.status_code == 202, answer.text
        browser.find_element(By.CSS_SELECTOR, "form [type=submit]").click()
        wait(browser).until(
            lambda b: "Many labs are starting." in b.find_element(By.ID, "progress-log").text
        )
        wait(browser).until(lambda b: b.find_element(By.ID, "progress-bar").size["width"] > 0)
        picture("waiting")
        broken = broken_rules(browser, [])
        assert not broken, json.dumps(broken, indent=1)
        assert not violations(browser)
    wait(browser, 120).until(lambda b: b.current_url.startswith(f"{site.lab(PERSON)}/lab"))
