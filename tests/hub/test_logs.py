"""What must not appear in the hub's log."""

from __future__ import annotations

import logging

import pytest

from firstlight_hub.logs import keep_secrets_out


@pytest.fixture(autouse=True)
def filters() -> None:
    keep_secrets_out()


@pytest.mark.parametrize("name", ["tornado.general", "tornado.application"])
def test_queries_are_cut_off(name: str, caplog: pytest.LogCaptureFixture) -> None:
    summary = "GET /nb/hub/oauth_callback?code=abc&state=d%20e (127.0.0.1)"
    logging.getLogger(name).warning("%d %s: %s", 403, summary, "Why? Not on a list")
    assert caplog.messages == ["403 GET /nb/hub/oauth_callback?… (127.0.0.1): Why? Not on a list"]


def test_a_requests_representation_loses_its_query_too(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("tornado.application").error("%r", {"uri": "/nb/hub/link?token=abc"})
    assert caplog.messages == ["{'uri': '/nb/hub/link?…'}"]


def test_the_number_of_a_session_is_not_announced(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("tornado.application")
    log.warning("Setting new xsrf cookie for %r %r", b"number:person", {"path": "/nb/hub/"})
    assert caplog.messages == []
