"""The queue of starts: how many at once, in which order, and who leaves it."""

from __future__ import annotations

import asyncio
from copy import deepcopy

import pytest

from firstlight_hub.spawner.start_queue import StartQueue, concurrent_starts, waiting_message


class Starts:
    """Starts that wait for a queue, and what they were told meanwhile."""

    def __init__(self, limit: int) -> None:
        self.queue = StartQueue(limit)
        self.started: list[str] = []
        self.told: dict[str, list[int]] = {}

    def add(self, name: str) -> asyncio.Task[None]:
        self.told[name] = []

        async def start() -> None:
            await self.queue.enter(self.told[name].append)
            self.started.append(name)

        return asyncio.create_task(start())


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_starts_are_bounded_and_first_in_first_out() -> None:
    starts = Starts(2)
    tasks = [starts.add(name) for name in "abcde"]
    await settled()
    assert starts.started == ["a", "b"]
    for expected in ("abc", "abcd", "abcde"):
        starts.queue.leave()
        await settled()
        assert "".join(starts.started) == expected
    await asyncio.gather(*tasks)

    assert starts.told == {"a": [], "b": [], "c": [0], "d": [1, 0], "e": [2, 1, 0]}


async def test_one_who_stops_waiting_frees_the_place() -> None:
    starts = Starts(1)
    tasks = {name: starts.add(name) for name in "abcd"}
    await settled()
    tasks["b"].cancel()
    await settled()
    starts.queue.leave()
    await settled()

    assert starts.started == ["a", "c"]
    assert starts.told["d"] == [2, 1, 0]
    tasks["d"].cancel()
    await asyncio.wait(tasks.values())


async def test_one_who_is_cancelled_as_the_turn_comes_passes_it_on() -> None:
    starts = Starts(1)
    tasks = {name: starts.add(name) for name in "abc"}
    await settled()
    starts.queue.leave()  # it is b's turn
    tasks["b"].cancel()  # before b has noticed
    await settled()

    assert starts.started == ["a", "c"]
    await asyncio.wait(tasks.values())


async def test_a_turn_that_comes_after_the_cancellation_goes_to_the_next() -> None:
    starts = Starts(1)
    tasks = {name: starts.add(name) for name in "abc"}
    await settled()
    tasks["b"].cancel()
    starts.queue.leave()
    await settled()

    assert starts.started == ["a", "c"]
    await asyncio.wait(tasks.values())


async def test_places_that_everybody_left_are_free_again() -> None:
    starts = Starts(1)
    tasks = [starts.add(name) for name in "ab"]
    await settled()
    tasks[1].cancel()
    starts.queue.leave()
    tasks.append(starts.add("c"))
    await settled()

    assert starts.started == ["a", "c"]
    await asyncio.wait(tasks)


@pytest.mark.parametrize(("setting", "cores", "limit"), [(None, 2, 2), (None, 0, 1), (5, 2, 5)])
def test_the_machines_cores_decide_unless_the_site_does(
    setting: int | None, cores: int, limit: int
) -> None:
    assert concurrent_starts(setting, cores) == limit


def test_people_are_told_how_many_are_before_them() -> None:
    assert "next" in waiting_message(0)
    assert "1 lab is before yours" in waiting_message(1)
    assert "7 labs are before yours" in waiting_message(7)


def test_all_labs_share_the_queue_of_the_configuration() -> None:
    queue = StartQueue(1)
    assert deepcopy({"starts": queue})["starts"] is queue
