"""People who are logged in and are then removed from the lists, on a real hub."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

SETTINGS: dict[str, Any] = {
    "site": {"contact": "help@example.org"},
    "identity": {"provider": "github", "refresh": "2s"},
    "access": {
        "teams": ["lsst:dp0"],
        "blocked": ["mallory"],
        "administrators": {"teams": ["lsst:sqre"]},
    },
}


@pytest.fixture(scope="module")
def hub(start_hub: Callable[..., Any], github: Any) -> Any:
    os.environ["GITHUB_CLIENT_SECRET"] = "secret"
    places = {"client_id": "id", "url": github.url, "api_url": f"{github.url}/api"}
    identity = SETTINGS["identity"] | {"github": places}
    return start_hub(settings=SETTINGS | {"identity": identity})


@pytest.fixture
def browser(hub: Any, github: Any) -> Iterator[requests.Session]:
    github.fail = None
    with hub.browser() as session:
        yield session


def log_in(hub: Any, github: Any, browser: requests.Session, token: str) -> requests.Response:
    answer: requests.Response = hub.log_in_with_github(browser, github.code_for(token))
    return answer


def is_running(hub: Any, name: str) -> bool:
    servers = hub.call("GET", f"/users/{name}").json()["servers"]
    return bool(servers and servers[""]["ready"])


def is_stopped(hub: Any, name: str) -> bool:
    return not hub.call("GET", f"/users/{name}").json()["servers"]


def works(hub: Any, token: str) -> bool:
    return bool(hub.call("GET", "/user", token=token).ok)


def test_a_member_logs_in(hub: Any, github: Any, browser: requests.Session) -> None:
    token = github.add(1, "Mona", teams=["lsst:dp0"])
    assert log_in(hub, github, browser, token).status_code == 302
    assert hub.who_is(browser) == "mona"
    model = hub.call("GET", "/users/mona").json()
    assert (model["admin"], model["groups"]) == (False, ["lsst:dp0"])


def test_the_token_of_github_is_in_no_file_in_clear_text(
    hub: Any, github: Any, browser: requests.Session
) -> None:
    token = github.add(2, "clara", teams=["lsst:dp0"])
    log_in(hub, github, browser, token)
    files = [path for path in hub.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if token.encode() in path.read_bytes()]


def test_next_cannot_leave_the_site(hub: Any, github: Any, browser: requests.Session) -> None:
    token = github.add(3, "nora", teams=["lsst:dp0"])
    for wanted in ("https://evil.example/x", "//evil.example/x", "/\\evil.example/x"):
        answer = hub.log_in_with_github(browser, github.code_for(token), wanted)
        assert answer.headers["Location"].startswith("/")
        assert not answer.headers["Location"].startswith(("//", "/\\"))


@pytest.mark.parametrize(
    ("number", "login", "words"),
    [(4, "stranger", "is not on this site"), (5, "Mallory", "is blocked on this site")],
)
def test_who_is_not_let_in_reads_why_and_whom_to_ask(
    hub: Any, github: Any, browser: requests.Session, number: int, login: str, words: str
) -> None:
    teams = ["lsst:dp0"] if login == "Mallory" else []
    answer = log_in(hub, github, browser, github.add(number, login, teams=teams))
    assert answer.status_code == 403
    assert f"{login} {words}" in answer.text
    assert "help@example.org" in answer.text
    assert hub.who_is(browser) is None
    assert hub.call("GET", f"/users/{login.lower()}").status_code == 404


def test_github_away_during_a_login_is_said_so(
    hub: Any, github: Any, browser: requests.Session
) -> None:
    token = github.add(6, "ada", teams=["lsst:dp0"])
    github.break_down(500)
    answer = log_in(hub, github, browser, token)
    assert answer.status_code == 503
    assert "GitHub is not answering" in answer.text


def test_pressing_cancel_at_github_is_no_error(hub: Any, browser: requests.Session) -> None:
    answer = browser.get(f"{hub.url}/oauth_callback?error=access_denied&state=x", timeout=30)
    assert answer.status_code == 403
    assert "You did not allow this site to see" in answer.text


def test_who_is_taken_off_the_lists_loses_lab_tokens_and_login(
    hub: Any, github: Any, browser: requests.Session
) -> None:
    account = github.add(20, "gone", teams=["lsst:dp0"])
    log_in(hub, github, browser, account)
    token = hub.call("POST", "/users/gone/tokens", {}).json()["token"]
    hub.call("POST", "/users/gone/server")
    hub.wait_until(lambda: is_running(hub, "gone"))
    assert works(hub, token)
    github.accounts[account].teams = []
    # Nobody visits the hub as this person now: the hub has to find out by itself.
    hub.wait_until(lambda: is_stopped(hub, "gone"))
    assert not works(hub, token)
    assert hub.call("GET", "/users/gone").json()["groups"] == []
    assert hub.who_is(browser) is None


def test_who_comes_back_to_the_lists_logs_in_again_as_themselves(
    hub: Any, github: Any, browser: requests.Session
) -> None:
    account = github.add(21, "back", teams=["lsst:dp0"])
    log_in(hub, github, browser, account)
    github.accounts[account].teams = []
    token = hub.call("POST", "/users/back/tokens", {}).json()["token"]
    hub.wait_until(lambda: not works(hub, token))
    assert hub.who_is(browser) is None
    github.accounts[account].teams = ["lsst:dp0"]
    log_in(hub, github, browser, account)
    assert hub.who_is(browser) == "back"


def test_rights_follow_the_teams_of_who_only_uses_tokens(
    hub: Any, github: Any, browser: requests.Session
) -> None:
    account = github.add(22, "boss", teams=["lsst:sqre"])
    log_in(hub, github, browser, account)
    assert hub.call("GET", "/users/boss").json()["admin"] is True
    token = hub.call("POST", "/users/boss/tokens", {}).json()["token"]
    github.accounts[account].teams = ["lsst:dp0", "lsst:new"]
    hub.wait_until(lambda: hub.call("GET", "/users/boss").json()["admin"] is False)
    assert sorted(hub.call("GET", "/users/boss").json()["groups"]) == ["lsst:dp0", "lsst:new"]
    assert works(hub, token)


def test_an_operators_link_works_beside_github(hub: Any, browser: requests.Session) -> None:
    from urllib.parse import parse_qs, urlsplit

    made = hub.call("POST", "/firstlight/links", {"user": "rescue", "admin": True}).json()
    browser.get(made["url"], timeout=30)
    token = parse_qs(urlsplit(made["url"]).query)["token"][0]
    data = {"token": token, "_xsrf": browser.cookies["_xsrf"]}
    browser.post(f"{hub.url}/link", data=data, timeout=30, allow_redirects=False)
    assert hub.who_is(browser) == "rescue"
    assert hub.call("GET", "/users/rescue").json()["admin"] is True


def test_a_link_does_not_open_the_account_of_somebody_of_github(
    hub: Any, github: Any, browser: requests.Session
) -> None:
    log_in(hub, github, browser, github.add(23, "owner", teams=["lsst:dp0"]))
    answer = hub.call("POST", "/firstlight/links", {"user": "owner"})
    assert answer.status_code == 409


def test_who_the_operator_made_is_left_alone(hub: Any) -> None:
    hub.call("POST", "/users/robot")
    token = hub.call("POST", "/users/robot/tokens", {}).json()["token"]
    hub.wait_until(lambda: "Not checked: robot" in hub.log)
    assert works(hub, token)


def test_who_is_new_does_not_become_the_hubs_user_of_that_name(
    hub: Any, github: Any, browser: requests.Session
) -> None:
    hub.call("POST", "/users/robot")
    token = hub.call("POST", "/users/robot/tokens", {}).json()["token"]
    log_in(hub, github, browser, github.add(30, "robot", teams=["lsst:dp0"]))
    assert hub.who_is(browser) == "robot-30"
    assert hub.call("GET", "/user", token=token).json()["name"] == "robot"
    assert hub.call("GET", "/users/robot").json()["groups"] == []


def test_a_start_hook_that_fails_stops_neither_the_hub_nor_the_checks(hub: Any) -> None:
    assert "this hook is broken" in hub.log
    hub.call("POST", "/users/machine")
    hub.call("POST", "/users/machine/tokens", {})
    hub.wait_until(lambda: "Not checked: machine" in hub.log)
