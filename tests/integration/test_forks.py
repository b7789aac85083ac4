"""Labs and the process that they are forked from, on a real platform."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.lab_client import kernel_in_lab, start_lab, stop_lab
from tests.platform_under_test import Platform, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

PERSON, OTHER = "mira-member", "theo-teammate"


@pytest.fixture(autouse=True)
def nobody(platform: Platform) -> None:
    """Begin each test without labs."""
    for person in (PERSON, OTHER):
        platform.login(person)
        stop_lab(platform, person)


def hub_log(platform: Platform) -> str:
    return (platform.state_dir / "logs" / "hub.log").read_text()


def test_a_lab_is_forked_and_so_is_its_kernel(platform: Platform) -> None:
    slow = hub_log(platform).count("starts slowly")
    with kernel_in_lab(platform, PERSON) as kernel:
        parent = kernel.run("import os; print(open(f'/proc/{os.getppid()}/comm').read())")
    assert parent.strip() == "kernel-forks"
    assert hub_log(platform).count("starts slowly") == slow


def test_a_lab_outlives_what_it_was_forked_from(platform: Platform) -> None:
    with kernel_in_lab(platform, PERSON) as kernel:
        killed = platform.pid_of("forks")
        os.kill(killed, signal.SIGKILL)
        assert kernel.run("print(6 * 7)").strip() == "42"
        start_lab(platform, OTHER)  # forked or started, as it may be
        wait_for(lambda: platform.pid_of("forks") not in {0, killed}, what="the fork server")
        assert kernel.run("print(7 * 6)").strip() == "42"
    with kernel_in_lab(platform, PERSON) as kernel:  # of the old generation
        assert kernel.run("print(1)").strip() == "1"


def test_without_it_a_lab_starts_all_the_same_and_administrators_see_why(
    platform: Platform,
) -> None:
    server = Path(platform.component("forks")["health"].removeprefix("unix:"))
    aside = server.with_name("aside")
    server.rename(aside)
    try:
        start_lab(platform, PERSON)
    finally:
        aside.rename(server)
    page = platform.login("ada-admin").get(f"{platform.url}/nb/hub/admin", timeout=30).text
    assert "Labs start slowly" in page
    assert "it is unavailable" in page
