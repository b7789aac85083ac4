"""What breaks, mends itself, and says so."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest
import requests

from tests.lab_client import is_ready, start_lab, tokens_of_lab
from tests.platform_under_test import Platform, free_port, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    ("part", "path", "words"),
    [
        ("tap", "/api/tap/tables", "VOTABLE"),
        ("butler", "/api/butler/repo/dp01/", '"error"'),
        ("portal", "/portal/healthz", "The catalog pages are restarting"),
        ("portal", "/", "The front page is restarting"),
        ("error-pages", "/assets/firstlight.css", "Service Unavailable"),
    ],
)
def test_a_killed_service_is_back_in_seconds_and_says_so_meanwhile(
    platform: Platform, part: str, path: str, words: str
) -> None:
    platform.login("mira-member")
    token = platform.token("mira-member")
    assert platform.get(path, token).status_code == 200
    answers: list[requests.Response] = []
    old = platform.pid_of(part)
    os.kill(old, signal.SIGKILL)

    def is_back() -> bool:
        answers.append(platform.get(path, token))
        return answers[-1].status_code == 200

    wait_for(is_back, seconds=5, what=part)
    assert platform.pid_of(part) != old
    refused = [answer for answer in answers if answer.status_code != 200]
    assert refused
    for answer in refused:
        assert answer.status_code == 503
        assert words in answer.text
        # They say when they are unavailable themselves, too, but in the proxy's own words.
        assert part == "error-pages" or "again" in answer.text or "reloads" in answer.text


def test_a_query_while_tap_is_away_gets_a_votable_that_says_so(platform: Platform) -> None:
    token = platform.token("mira-member")
    os.kill(platform.pid_of("tap"), signal.SIGKILL)
    query = "SELECT TOP 1 objectId FROM dp01_dc2_catalogs.object"
    away = platform.query(query, token)
    assert away.status_code == 503
    assert "VOTABLE" in away.text
    assert "again" in away.text
    wait_for(lambda: platform.query(query, token).status_code == 200, seconds=5, what="tap")


def test_labs_outlive_a_killed_hub_and_people_are_where_they_were(platform: Platform) -> None:
    session = platform.login("mira-member")
    start_lab(platform, "mira-member")
    # The first page logs the browser in to the lab.
    session.get(f"{platform.lab('mira-member')}/lab", timeout=30)
    lab = f"{platform.lab('mira-member')}/api/status"
    assert session.get(lab, timeout=30).status_code == 200
    old = platform.pid_of("hub")
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: hub_is_up(platform), seconds=60, what="the hub")
    assert platform.pid_of("hub") != old
    assert session.get(lab, timeout=30).status_code == 200
    home = session.get(f"{platform.url}/nb/hub/home", timeout=30)
    assert home.url.endswith("/hub/home")
    assert is_ready(platform, "mira-member")
    # Nor does the hub forget what the lab had: with the lab, all of its tokens end.
    assert len(tokens_of_lab(platform, "mira-member")) == 2
    platform.hub("DELETE", "/users/mira-member/server")
    wait_for(lambda: not tokens_of_lab(platform, "mira-member"), what="the tokens to end")


def test_a_killed_proxy_leads_everywhere_again(platform: Platform) -> None:
    session = platform.login("mira-member")
    token = platform.token("mira-member")
    start_lab(platform, "mira-member")
    session.get(f"{platform.lab('mira-member')}/lab", timeout=30)
    addresses = ("/nb/hub/home", "/nb/user/mira-member/api/status", "/portal/app")

    def codes() -> set[int]:
        try:
            found = {
                session.get(platform.address(address), timeout=30).status_code
                for address in addresses
            }
            return found | {platform.get("/api/tap/availability", token).status_code}
        except requests.ConnectionError:
            return {503}  # nobody listens yet

    assert codes() == {200}
    old = platform.pid_of("proxy")
    os.kill(old, signal.SIGKILL)
    seen: set[int] = set()

    def recovered() -> bool:
        now = codes()
        seen.update(now)
        return now == {200}

    wait_for(recovered, seconds=15, what="the routes")
    assert platform.pid_of("proxy") != old
    assert seen <= {200, 503}


def hub_is_up(platform: Platform) -> bool:
    try:
        return requests.get(f"{platform.url}/nb/hub/health", timeout=5).status_code == 200
    except requests.RequestException:
        return False


def test_a_taken_port_is_said_in_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        other = Platform(tmp_path / "var", port=int(taken.getsockname()[1]))
        with pytest.raises(AssertionError):
            other.start(seconds=30)
        assert str(other.port) in other.output
        assert "Traceback" not in other.output
        assert other.stop() != 0


def test_a_broken_configuration_names_the_line(tmp_path: Path) -> None:
    config = tmp_path / "platform.yaml"
    config.write_text("site:\n  name: Test\n  tag_line: Oops\nlabs:\n  default_size: huge\n")
    broken = Platform(tmp_path / "var", config=config, port=free_port())
    with pytest.raises(AssertionError):
        broken.start(seconds=30)
    assert "platform.yaml:3" in broken.output
    assert "tagline" in broken.output
    assert "Traceback" not in broken.output
    assert broken.stop() != 0


def test_a_second_instance_on_the_same_state_is_refused(platform: Platform) -> None:
    second = Platform(platform.state_dir, port=free_port())
    done = second.cli("up", "--port", str(second.port), check=False, seconds=30)
    assert done.returncode != 0
    assert platform.url in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
