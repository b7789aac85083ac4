"""Whose token it is: what the hub is asked, what is cached, and for how long."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from firstlight_services.web import Kind, ServiceError, TokenChecker, tokens_in_header
from firstlight_services.web.testing import FakeHub

SCOPE = "access:services!service=tap"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    async with FakeHub().running() as hub:
        hub.add_token("vera-token", "vera", scopes=[SCOPE], groups=["lsst:dp0"])
        yield hub


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def checker(hub: FakeHub, clock: Clock) -> AsyncIterator[TokenChecker]:
    checker = TokenChecker(
        hub.api_url, "tap", trust=timedelta(seconds=30), max_entries=3, clock=clock
    )
    yield checker
    checker.close()


async def test_a_good_token_names_its_person(checker: TokenChecker) -> None:
    person = await checker.check("vera-token")

    assert person is not None
    assert (person.name, person.groups, person.admin) == (
        "vera",
        frozenset({"lsst:dp0"}),
        False,
    )


async def test_the_general_scope_is_enough(checker: TokenChecker, hub: FakeHub) -> None:
    hub.add_token("wide-token", "ann", scopes=["access:services"])

    assert await checker.check("wide-token") is not None


async def test_an_unknown_token_is_nobodys(checker: TokenChecker) -> None:
    assert await checker.check("no-such-token") is None


@pytest.mark.parametrize("scopes", [[], ["access:services!service=butler"], ["self"]])
async def test_a_token_without_the_scope_is_refused(
    checker: TokenChecker, hub: FakeHub, scopes: list[str]
) -> None:
    hub.add_token("narrow-token", "ann", scopes=scopes)

    with pytest.raises(ServiceError) as refused:
        await checker.check("narrow-token")
    assert refused.value.kind is Kind.FORBIDDEN


async def test_a_services_token_is_nobodys(checker: TokenChecker, hub: FakeHub) -> None:
    hub.add_token("service-token", "butler", scopes=[SCOPE], kind="service")

    assert await checker.check("service-token") is None


@pytest.mark.parametrize("token", ["", "short", "a b c d e f g h", "x" * 600, "a\nb" * 9])
async def test_what_cannot_be_a_token_is_not_asked(
    checker: TokenChecker, hub: FakeHub, token: str
) -> None:
    assert await checker.check(token) is None
    assert hub.asked == 0


async def test_an_answer_is_cached(checker: TokenChecker, hub: FakeHub) -> None:
    for _ in range(5):
        await checker.check("vera-token")

    assert hub.asked == 1


async def test_a_revoked_token_stops_when_the_cached_answer_expires(
    checker: TokenChecker, hub: FakeHub, clock: Clock
) -> None:
    await checker.check("vera-token")
    hub.revoke("vera-token")

    clock.now += 29
    assert await checker.check("vera-token") is not None
    clock.now += 2
    assert await checker.check("vera-token") is None


async def test_no_answer_is_trusted_beyond_a_minute(hub: FakeHub, clock: Clock) -> None:
    checker = TokenChecker(hub.api_url, "tap", trust=timedelta(hours=1), clock=clock)
    await checker.check("vera-token")
    hub.revoke("vera-token")

    clock.now += 61
    assert await checker.check("vera-token") is None
    checker.close()


async def test_a_wrong_token_is_cached_briefly(
    checker: TokenChecker, hub: FakeHub, clock: Clock
) -> None:
    for _ in range(3):
        await checker.check("late-token")
    assert hub.asked == 1

    hub.add_token("late-token", "late", scopes=[SCOPE])
    clock.now += 6
    assert await checker.check("late-token") is not None


async def test_questions_at_the_same_time_become_one(checker: TokenChecker, hub: FakeHub) -> None:
    people = await asyncio.gather(*(checker.check("vera-token") for _ in range(20)))

    assert all(person is not None for person in people)
    assert hub.asked == 1


async def test_a_flood_of_wrong_tokens_does_not_evict_people(
    checker: TokenChecker, hub: FakeHub
) -> None:
    await checker.check("vera-token")
    for number in range(10):
        await checker.check(f"wrong-token-{number}")
    asked = hub.asked

    await checker.check("vera-token")
    assert hub.asked == asked


async def test_the_cache_is_bounded(checker: TokenChecker) -> None:
    for number in range(10):
        await checker.check(f"wrong-token-{number}")

    assert len(checker._bad) == 3


async def test_tokens_are_not_kept_in_memory(checker: TokenChecker) -> None:
    await checker.check("vera-token")

    assert "vera-token" not in repr(vars(checker))


async def test_while_the_hub_is_unavailable_strangers_get_a_503(
    checker: TokenChecker, hub: FakeHub
) -> None:
    hub.unavailable = True

    with pytest.raises(ServiceError) as raised:
        await checker.check("vera-token")
    assert raised.value.kind is Kind.UNAVAILABLE


async def test_a_hub_that_cannot_write_refuses_nobody_for_good(
    checker: TokenChecker, hub: FakeHub, clock: Clock
) -> None:
    await checker.check("vera-token")
    hub.disk_full = True
    clock.now += 45
    assert await checker.check("vera-token"), "people go on for a minute"
    with pytest.raises(ServiceError, match="disk is full") as refused:
        await checker.check("another-token")
    assert refused.value.kind is Kind.UNAVAILABLE


async def test_while_the_hub_is_unavailable_people_go_on_for_a_minute(
    checker: TokenChecker, hub: FakeHub, clock: Clock
) -> None:
    await checker.check("vera-token")
    hub.unavailable = True

    clock.now += 59
    assert await checker.check("vera-token") is not None
    clock.now += 2
    with pytest.raises(ServiceError):
        await checker.check("vera-token")


async def test_a_hub_that_does_not_listen_is_unavailable() -> None:
    checker = TokenChecker("http://127.0.0.1:9/nb/hub/api", "tap")

    with pytest.raises(ServiceError) as raised:
        await checker.check("vera-token")
    assert raised.value.kind is Kind.UNAVAILABLE
    checker.close()


def _basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


@pytest.mark.parametrize(
    ("header", "tokens"),
    [
        ("Bearer abc", ("abc",)),
        ("bearer  abc ", ("abc",)),
        ("token abc", ("abc",)),
        (_basic("vera:abc"), ("abc", "vera")),
        (_basic("abc:"), ("abc",)),
        (_basic(":abc"), ("abc",)),
        ("Basic !!!", ()),
        ("Basic /////w==", ()),
        ("Digest abc", ()),
        ("Bearer", ()),
        ("", ()),
    ],
)
def test_reads_tokens_of_a_header(header: str, tokens: tuple[str, ...]) -> None:
    assert tokens_in_header(header) == tokens
