"""What GitHub's answers mean: each kind, and how long a limit keeps somebody in."""

from __future__ import annotations

import pytest
from tornado.httputil import HTTPHeaders

from firstlight_hub.auth.github_answers import (
    FIRST_WAIT,
    LIMIT_SECONDS,
    MEANINGS,
    MOST_RETRIES,
    Kind,
    Recheck,
    Waiting,
    classify,
    wait_again,
)

NOW = 1_800_000_000.0
SECONDARY = b'{"message": "You have exceeded a secondary rate limit. Please wait."}'


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind", "wait"),
    [
        (200, {}, b"{}", Kind.CONFIRMED, None),
        (200, {"X-RateLimit-Remaining": "0"}, b"{}", Kind.CONFIRMED, None),
        (401, {}, b"", Kind.BAD_TOKEN, None),
        (403, {}, b"Resource not accessible", Kind.FORBIDDEN, None),
        (403, {"X-RateLimit-Remaining": "4999"}, b"", Kind.FORBIDDEN, None),
        (403, {"X-GitHub-SSO": "required; url=https://x"}, b"", Kind.SINGLE_SIGN_ON, None),
        (403, {"X-GitHub-SSO": "partial-results; organizations=1"}, b"", Kind.FORBIDDEN, None),
        (404, {}, b"", Kind.FORBIDDEN, None),
        (
            403,
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{NOW + 120:.0f}"},
            b"",
            Kind.PRIMARY_LIMIT,
            120.0,
        ),
        (
            429,
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "7", "X-GitHub-SSO": "required"},
            b"",
            Kind.PRIMARY_LIMIT,
            0.0,
        ),
        (403, {"Retry-After": "9", "X-RateLimit-Remaining": "0"}, b"", Kind.PRIMARY_LIMIT, 9.0),
        (403, {"Retry-After": "9"}, b"", Kind.SECONDARY_LIMIT, 9.0),
        (403, {"Retry-After": "Fri, 27 Nov 2026"}, b"", Kind.SECONDARY_LIMIT, None),
        (403, {"Retry-After": "-5"}, b"", Kind.SECONDARY_LIMIT, None),
        (403, {}, SECONDARY, Kind.SECONDARY_LIMIT, None),
        (429, {}, b"", Kind.SECONDARY_LIMIT, None),
        (503, {"Retry-After": "9"}, b"", Kind.OUTAGE, None),
        (500, {}, SECONDARY, Kind.OUTAGE, None),
        (302, {}, b"", Kind.OUTAGE, None),
        (599, {}, b"", Kind.OUTAGE, None),
    ],
)
def test_an_answer_is_of_one_kind(
    status: int, headers: dict[str, str], body: bytes, kind: Kind, wait: float | None
) -> None:
    for given in (headers, HTTPHeaders(headers)):
        reading = classify(status, given, body, NOW)
        assert (reading.kind, reading.wait) == (kind, wait)


def test_only_an_outage_concerns_everybody() -> None:
    assert [kind for kind in Kind if MEANINGS[kind].pauses_everybody] == [Kind.OUTAGE]
    assert [kind for kind in Kind if MEANINGS[kind].recheck is Recheck.GRACE] == [Kind.OUTAGE]


def test_whoever_cannot_log_in_is_told_why() -> None:
    for kind in Kind:
        assert bool(MEANINGS[kind].sentence) == (kind is not Kind.CONFIRMED)


@pytest.mark.parametrize("wait", [None, 0.0, 30.0, 3600.0, 1e9])
def test_a_limit_ends_whatever_github_says(wait: float | None) -> None:
    now, waiting, times = 1000.0, None, 0
    while (waiting := wait_again(waiting, wait, now)) is not None:
        times += 1
        assert waiting.retry_at >= now
        now = waiting.retry_at
    assert times <= MOST_RETRIES
    assert now <= 1000.0 + LIMIT_SECONDS


def test_waits_without_a_word_of_github_double() -> None:
    first = wait_again(None, None, 0.0)
    assert first == Waiting(0.0, FIRST_WAIT, 0)
    assert first
    second = wait_again(first, None, first.retry_at)
    assert second == Waiting(0.0, 3 * FIRST_WAIT, 1)
