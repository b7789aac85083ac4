"""The pretend GitHub's tokens survive a restart and end when they are revoked."""

from __future__ import annotations

import pytest

from firstlight_demo.oauth import OAuth


def make(secret: str = "secret") -> OAuth:
    return OAuth("app", secret, "http://127.0.0.1/callback")


def token_from(oauth: OAuth, secret: str = "secret") -> str:
    code = oauth.authorize(1818, "read:org,user:email", "", "")
    return oauth.exchange("app", secret, code, "")[0]


def test_a_token_stands_for_its_person_after_a_restart() -> None:
    token = token_from(make())
    grant = make().grant_of(token)
    assert grant is not None
    assert (grant.number, grant.scopes) == (1818, ("read:org", "user:email"))


def test_a_revoked_token_stands_for_nobody_and_the_next_one_does() -> None:
    oauth = make()
    token = token_from(oauth)
    oauth.revoke(1818)
    assert oauth.grant_of(token) is None
    assert oauth.grant_of(token_from(oauth)) is not None


@pytest.mark.parametrize(
    "garbled", ["", "gho_", "gho_é_é", "gho_00_00", "ghp_{}", "{}0", "gho_31{}"]
)
def test_what_was_not_handed_out_stands_for_nobody(garbled: str) -> None:
    rest = token_from(make()).removeprefix("gho_")
    assert make().grant_of(garbled.format(rest)) is None


def test_a_token_of_another_site_stands_for_nobody() -> None:
    assert make().grant_of(token_from(make("other"), "other")) is None
