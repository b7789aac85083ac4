"""Adding, renaming and promoting users by hand, on a real hub."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import requests


@pytest.fixture(scope="module")
def hub(start_hub: Callable[..., Any]) -> Any:
    return start_hub(settings={})


@pytest.fixture(scope="module")
def administrator(hub: Any) -> str:
    """Return a token of a person who administers the site."""
    made = hub.call("POST", "/firstlight/links", {"user": "vera", "admin": True}).json()
    with hub.browser() as browser:
        page = browser.get(made["url"], timeout=30)
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))
        browser.post(f"{hub.url}/link", data=fields, timeout=30, allow_redirects=False)
        assert hub.who_is(browser) == "vera"
    token: str = hub.call("POST", "/users/vera/tokens", {}).json()["token"]
    return token


def refused(answer: requests.Response) -> str:
    assert answer.status_code == 400, answer.text
    return str(answer.json()["message"])


@pytest.mark.parametrize("path", ["/users", "/users/newcomer"])
def test_an_administrator_who_adds_a_user_is_told_what_to_do_instead(
    hub: Any, administrator: str, path: str
) -> None:
    body = {"usernames": ["newcomer"]} if path == "/users" else {}
    said = refused(hub.call("POST", path, body, token=administrator))
    assert "the access lists decide" in said
    assert "firstlight link --user" in said
    assert hub.call("GET", "/users/newcomer").status_code == 404


def test_the_operators_service_may_add_whom_it_vouches_for(hub: Any) -> None:
    assert hub.call("POST", "/users/robot").status_code == 201
    assert hub.call("POST", "/users", {"usernames": ["robot-2"]}).status_code == 201


def test_whoever_may_not_add_users_is_told_no_more(hub: Any) -> None:
    hub.call("POST", "/users/robot-3")
    token = hub.call("POST", "/users/robot-3/tokens", {}).json()["token"]
    assert hub.call("POST", "/users/other", {}, token=token).status_code == 403


@pytest.mark.parametrize(
    ("change", "words"),
    [({"name": "verity"}, "cannot be renamed"), ({"admin": False}, "access.administrators")],
)
def test_what_follows_the_lists_is_not_changed_by_hand(
    hub: Any, administrator: str, change: dict[str, Any], words: str
) -> None:
    for token in (administrator, None):
        assert words in refused(hub.call("PATCH", "/users/vera", change, token=token))
    model = hub.call("GET", "/users/vera").json()
    assert (model["name"], model["admin"]) == ("vera", True)


def test_other_changes_are_the_hubs_own(hub: Any, administrator: str) -> None:
    same = {"name": "vera", "admin": True}
    assert hub.call("PATCH", "/users/vera", same, token=administrator).ok
    hub.call("POST", "/users/machine")
    renamed = hub.call("PATCH", "/users/machine", {"name": "engine"}, token=administrator)
    assert renamed.json()["name"] == "engine"
