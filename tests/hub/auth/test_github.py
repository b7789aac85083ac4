from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.web import HTTPError

from firstlight_hub.auth import FirstLightGitHubAuthenticator, Lists
from firstlight_hub.auth.github_answers import MOST_RETRIES, Kind, Reading
from firstlight_hub.auth.github_api import GitHubApi, GitHubRefusedError, GitHubUnavailableError
from firstlight_hub.people.store import PeopleStore

TEAM = Lists(
    teams=frozenset({"lsst:dp0"}),
    blocked=frozenset({"mallory"}),
    admin_teams=frozenset({"lsst:sqre"}),
)


class User:
    """What the authenticator needs of JupyterHub's user."""

    def __init__(self, model: dict[str, Any]) -> None:
        self.name: str = model["name"]
        self.state: dict[str, Any] | None = model["auth_state"]

    async def get_auth_state(self) -> dict[str, Any] | None:
        return self.state

    async def save_auth_state(self, state: dict[str, Any] | None) -> None:
        self.state = state


@pytest.fixture
def small(github: Any) -> Any:
    github.restore()
    return github


@pytest.fixture
def authenticator(small: Any, tmp_path: Path) -> Iterator[FirstLightGitHubAuthenticator]:
    made = FirstLightGitHubAuthenticator(
        github_url=small.url,
        github_api=f"{small.url}/api",
        client_id="id",
        client_secret="secret",
        people_url=f"sqlite:///{tmp_path}/people.sqlite",
        lists=TEAM,
        contact="help@example.org",
        outage_grace=3600.0,
    )
    yield made
    made.people.close()


async def log_in(authenticator: FirstLightGitHubAuthenticator, token: str) -> dict[str, Any]:
    """Do what the hub does once GitHub gave a token."""
    model = await authenticator.model_of({"access_token": token, "token_type": "bearer"})
    authenticator.check_blocked_users(model["name"], model)
    assert await authenticator.check_allowed(model["name"], model)
    return model


async def test_a_team_member_is_let_in_with_groups_over_several_pages(
    authenticator: FirstLightGitHubAuthenticator, small: Any
) -> None:
    teams = ["x:a", "x:b", "lsst:other", "lsst:more", "lsst:dp0"]
    model = await log_in(authenticator, small.add(7, "Mona", name="Mona Lisa", teams=teams))
    assert (model["name"], model["admin"]) == ("mona", False)
    assert model["groups"] == ["lsst:dp0", "lsst:more", "lsst:other"]
    assert small.asked.count("/user/teams") == 3
    person = await authenticator.ask_people(PeopleStore.by_username, "mona")
    assert person
    assert (person.subject, person.display_name) == ("7", "Mona Lisa")
    assert model["auth_state"]["uid"] == person.uid


async def test_a_next_page_on_another_site_is_not_followed(
    authenticator: FirstLightGitHubAuthenticator, small: Any
) -> None:
    token = small.add(7, "mona", teams=["x:a", "x:b", "lsst:dp0"])
    small.next_url = "http://127.0.0.1:1/steal"
    with pytest.raises(GitHubUnavailableError, match="another site"):
        await log_in(authenticator, token)


async def test_an_administrator_by_team_is_one(
    authenticator: FirstLightGitHubAuthenticator, small: Any
) -> None:
    model = await log_in(authenticator, small.add(8, "vera", teams=["lsst:sqre"]))
    assert model["admin"] is True


async def test_a_stranger_is_told_why_and_whom_to_ask_and_not_recorded(
    authenticator: FirstLightGitHubAuthenticator, small: Any
) -> None:
    with pytest.raises(HTTPError) as caught:
        await log_in(authenticator, small.add(9, "stranger", teams=["x:a"]))
    assert caught.value.status_code == 403
    message = caught.value.jupyterhub_message  # type: ignore[attr-defined]
    assert "stranger is not on this site's list" in message
    assert "help@example.org" in message
    assert await authenticator.ask_people(PeopleStore.by_username, "stranger") is None


async def test_a_blocked_account_stays_blocked_after_a_rename(
    authenticator: FirstLightGitHubAuthenticator, small: Any
) -> None:
    with pytest.raises(HTTPError):
        await log_in(authenticator, small.add(10, "Mallory", teams=["lsst:dp0"]))
    with pytest.raises(HTTPError, match="blocked"):
        await log_in(authenticator, small.add(10, "nice-person", teams=["lsst:dp0"]))


async def test_the_block_list_wins_even_over_allow_all(
    authenticator: FirstLightGitHubAuthenticator, small: Any
) -> None:
    token = small.add(10, "mallory", teams=["lsst:dp0"])
    model = await authenticator.model_of({"access_token": token, "token_type": "bearer"})
    with pytest.raises(HTTPError, match="blocked"):
        authenticator.check_blocked_users("mallory", model)


async def test_a_renamed_account_stays_itself_and_the_name_is_not_inherited(
    authenticator: FirstLightGitHubAuthenticator, small: Any
) -> None:
    authenticator.lists = Lists(users=frozenset({"mona"}), teams=frozenset({"lsst:dp0"}))
    old = await log_in(authenticator, small.add(7, "mona"))
    renamed = await log_in(authenticator, small.add(7, "lisa"))
    assert renamed["name"] == "mona"
    with pytest.raises(HTTPError, match="another account"):
        await log_in(authenticator, small.add(99, "mona"))
    other = await log_in(authenticator, small.add(99, "mona", teams=["lsst:dp0"]))
    assert other["name"] == "mona-99"
    assert other["auth_state"]["uid"] != old["auth_state"]["uid"]


async def test_memberships_are_not_asked_for_when_no_list_needs_them(
    authenticator: FirstLightGitHubAuthenticator, small: Any
) -> None:
    authenticator.lists = Lists(users=frozenset({"mona"}))
    await log_in(authenticator, small.add(7, "mona", teams=["lsst:dp0"]))
    assert small.asked == ["/user"]


@pytest.mark.parametrize(
    ("lists", "scope"), [(TEAM, ["read:org"]), (Lists(users=frozenset({"mona"})), [])]
)
def test_only_the_needed_scope_is_asked_for(lists: Lists, scope: list[str]) -> None:
    assert FirstLightGitHubAuthenticator(lists=lists).scope == scope


def test_nobody_is_let_in_by_default() -> None:
    assert FirstLightGitHubAuthenticator().lists == Lists()
    assert not FirstLightGitHubAuthenticator().allow_all


async def test_a_refresh_brings_new_groups_and_takes_admin_rights_back(
    authenticator: FirstLightGitHubAuthenticator, small: Any
) -> None:
    token = small.add(7, "mona", teams=["lsst:dp0", "lsst:sqre"])
    user = User(await log_in(authenticator, token))
    small.accounts[token].teams = ["lsst:dp0", "lsst:new"]
    refreshed = await authenticator.refresh_user(user)
    assert refreshed["groups"] == ["lsst:dp0", "lsst:new"]
    assert refreshed["admin"] is False


async def test_who_is_taken_off_the_lists_is_out_at_the_next_check(
    authenticator: FirstLightGitHubAuthenticator, small: Any
) -> None:
    token = small.add(7, "mona", teams=["lsst:dp0"])
    user = User(await log_in(authenticator, token))
    small.accounts[token].teams = []
    assert await authenticator.refresh_user(user) is False


async def test_who_is_blocked_later_is_out_at_the_next_check(
    authenticator: FirstLightGitHubAuthenticator, small: Any
) -> None:
    user = User(await log_in(authenticator, small.add(7, "mona", teams=["lsst:dp0"])))
    authenticator.lists = Lists(teams=TEAM.teams, blocked=frozenset({"mona"}))
    assert await authenticator.refresh_user(user) is False


OUT: list[Any] = [
    (401, {}, ""),
    (403, {}, '{"message": "Resource not accessible"}'),
    (403, {"X-GitHub-SSO": "required; url=https://github.example/sso"}, ""),
    (404, {}, ""),
]
LIMITED: list[Any] = [
    (403, {"X-RateLimit-Remaining": "0"}, ""),
    (429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}, ""),
    (403, {"Retry-After": "60"}, ""),
    (403, {}, '{"message": "You have exceeded a secondary rate limit."}'),
    (429, {}, ""),
    (429, {"Retry-After": "0"}, ""),
]
AWAY: list[Any] = [
    (500, {}, ""),
    (502, {}, "<html>"),
    (503, {}, ""),
    (503, {"Retry-After": "60"}, ""),
    (302, {"Location": "http://127.0.0.1:1/"}, ""),
    (200, {}, "this is no JSON"),
    (200, {}, '{"message": "no list, no user"}'),
]


@pytest.mark.parametrize("path", ["/user", "/user/teams", "/user/orgs"])
@pytest.mark.parametrize("answer", OUT, ids=lambda answer: f"{answer[0]}{answer[2]}")
async def test_who_github_no_longer_vouches_for_is_out(
    authenticator: FirstLightGitHubAuthenticator,
    small: Any,
    answer: tuple[int, dict[str, str], str],
    path: str,
) -> None:
    user = User(await log_in(authenticator, small.add(7, "mona", teams=["lsst:dp0"])))
    small.break_down(*answer, path=path)
    assert await authenticator.refresh_user(user) is False


@pytest.mark.parametrize("path", ["/user", "/user/teams", "/user/orgs"])
@pytest.mark.parametrize("answer", AWAY, ids=lambda answer: f"{answer[0]}{answer[1]}{answer[2]}")
async def test_people_stay_in_while_github_is_away(
    authenticator: FirstLightGitHubAuthenticator,
    small: Any,
    answer: tuple[int, dict[str, str], str],
    path: str,
) -> None:
    user = User(await log_in(authenticator, small.add(7, "mona", teams=["lsst:dp0"])))
    small.break_down(*answer, path=path)
    assert await authenticator.refresh_user(user) is True


async def test_people_stay_in_while_nothing_answers_at_all(
    authenticator: FirstLightGitHubAuthenticator, small: Any
) -> None:
    user = User(await log_in(authenticator, small.add(7, "mona", teams=["lsst:dp0"])))
    authenticator.github_api = "http://127.0.0.1:1/api"
    assert await authenticator.refresh_user(user) is True


async def test_the_grace_ends(authenticator: FirstLightGitHubAuthenticator, small: Any) -> None:
    user = User(await log_in(authenticator, small.add(7, "mona", teams=["lsst:dp0"])))
    assert user.state
    user.state["last_good"] = time.time() - 3601
    small.break_down(503)
    assert await authenticator.refresh_user(user) is False


async def test_the_lists_hold_while_github_is_away(
    authenticator: FirstLightGitHubAuthenticator, small: Any
) -> None:
    user = User(await log_in(authenticator, small.add(7, "mona", teams=["lsst:dp0"])))
    small.break_down(503)
    authenticator.lists = Lists(teams=TEAM.teams, blocked=frozenset({"mona"}))
    assert await authenticator.refresh_user(user) is False


async def test_an_absent_github_is_not_asked_again_at_once(
    authenticator: FirstLightGitHubAuthenticator, small: Any
) -> None:
    user = User(await log_in(authenticator, small.add(7, "mona", teams=["lsst:dp0"])))
    small.break_down(503)
    small.asked.clear()
    for _ in range(3):
        assert await authenticator.refresh_user(user) is True
    assert small.asked == ["/user"]


@pytest.mark.parametrize("path", ["/user", "/user/teams", "/user/orgs"])
@pytest.mark.parametrize("answer", LIMITED, ids=lambda answer: f"{answer[0]}{answer[1]}{answer[2]}")
async def test_a_limit_concerns_the_limited_person_only(
    authenticator: FirstLightGitHubAuthenticator,
    small: Any,
    answer: tuple[int, dict[str, str], str],
    path: str,
) -> None:
    limited = User(await log_in(authenticator, small.add(7, "mona", teams=["lsst:dp0"])))
    gone_token = small.add(8, "lisa", teams=["lsst:dp0"])
    gone = User(await log_in(authenticator, gone_token))
    small.accounts[gone_token].teams = []
    small.break_down(*answer, path=path)
    assert await authenticator.refresh_user(limited) is True
    small.fail = None
    small.asked.clear()
    assert await authenticator.refresh_user(gone) is False
    assert small.asked, "GitHub was not asked about others because of one person's limit"


@pytest.mark.parametrize("wait", ["0", "600"])
async def test_a_limit_that_stays_ends_the_access_of_who_was_removed(
    authenticator: FirstLightGitHubAuthenticator,
    small: Any,
    monkeypatch: pytest.MonkeyPatch,
    wait: str,
) -> None:
    now = time.monotonic()
    monkeypatch.setattr("firstlight_hub.auth.github.time.monotonic", lambda: now)
    user = User(await log_in(authenticator, small.add(7, "mona", teams=["lsst:dp0"])))
    small.break_down(403, {"Retry-After": wait})
    small.asked.clear()
    for retries in range(MOST_RETRIES):
        assert await authenticator.refresh_user(user) is True
        assert small.asked == ["/user"] * (retries + 1)
        now += int(wait) - 1
        if int(wait):
            assert await authenticator.refresh_user(user) is True
            assert len(small.asked) == retries + 1, "GitHub was asked before Retry-After"
        now += 2
    assert await authenticator.refresh_user(user) is False
    assert len(small.asked) == MOST_RETRIES + 1


async def test_a_check_that_works_again_forgets_the_limit(
    authenticator: FirstLightGitHubAuthenticator, small: Any
) -> None:
    user = User(await log_in(authenticator, small.add(7, "mona", teams=["lsst:dp0"])))
    for _ in range(2 * MOST_RETRIES):
        small.break_down(403, {"Retry-After": "0"})
        assert await authenticator.refresh_user(user) is True
        small.fail = None
        assert await authenticator.refresh_user(user) is not False


async def test_the_lists_hold_while_a_person_is_limited(
    authenticator: FirstLightGitHubAuthenticator, small: Any
) -> None:
    user = User(await log_in(authenticator, small.add(7, "mona", teams=["lsst:dp0"])))
    small.break_down(403, {"Retry-After": "60"})
    assert await authenticator.refresh_user(user) is True
    authenticator.lists = Lists(teams=TEAM.teams, blocked=frozenset({"mona"}))
    assert await authenticator.refresh_user(user) is False


async def test_a_limit_keeps_nobody_in_longer_than_an_outage(
    authenticator: FirstLightGitHubAuthenticator, small: Any
) -> None:
    user = User(await log_in(authenticator, small.add(7, "mona", teams=["lsst:dp0"])))
    assert user.state
    user.state["last_good"] = time.time() - 3601
    small.break_down(403, {"Retry-After": "60"})
    assert await authenticator.refresh_user(user) is False


@pytest.mark.parametrize(
    ("body", "stays"),
    [
        ('{"error": "bad_refresh_token", "error_description": "expired"}', False),
        ('{"nothing": "of use"}', True),
        ("no JSON", True),
    ],
)
async def test_a_refresh_token_that_github_refuses_ends_access(
    authenticator: FirstLightGitHubAuthenticator, small: Any, body: str, stays: bool
) -> None:
    user = User(await log_in(authenticator, small.add(7, "mona", teams=["lsst:dp0"])))
    assert user.state
    user.state |= {"refresh_token": "once", "token_response": {"access_token": "too old"}}
    small.token_answer = body
    assert await authenticator.refresh_user(user) is stays


async def test_without_a_remembered_token_people_log_in_again(
    authenticator: FirstLightGitHubAuthenticator, small: Any
) -> None:
    user = User(await log_in(authenticator, small.add(7, "mona", teams=["lsst:dp0"])))
    user.state = None
    assert await authenticator.refresh_user(user) is False


async def test_an_endless_list_is_given_up(small: Any) -> None:
    from tornado.httpclient import AsyncHTTPClient

    small.next_url = f"{small.url}/api/user/teams?page=1&x="
    token = small.add(7, "mona", teams=["x:a", "x:b", "x:c"])
    with pytest.raises(GitHubUnavailableError, match="pages"):
        await GitHubApi(f"{small.url}/api", AsyncHTTPClient()).teams(token)


async def test_two_checks_at_once_do_not_use_a_refresh_token_twice(
    authenticator: FirstLightGitHubAuthenticator, small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = small.add(7, "mona", teams=["lsst:dp0"])
    user = User(await log_in(authenticator, account))
    assert user.state
    user.state |= {"refresh_token": "once", "token_response": {"access_token": "too old"}}
    used: list[str] = []

    async def exchange(_: Any, params: dict[str, str]) -> dict[str, Any]:
        used.append(params["refresh_token"])
        await asyncio.sleep(0)
        if used.count("once") > 1:
            raise GitHubRefusedError(Reading(Kind.BAD_TOKEN, "bad_refresh_token"))
        return {"access_token": account, "token_type": "bearer", "refresh_token": "next"}

    monkeypatch.setattr(authenticator, "get_token_info", exchange)
    results = await asyncio.gather(*(authenticator.refresh_user(user) for _ in range(2)))
    assert all(results)
    assert used == ["once"]
