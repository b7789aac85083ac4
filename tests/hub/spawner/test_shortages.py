"""The list of labs that ran out of memory: its words, its length, and that it outlives the hub."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from firstlight_hub.spawner.kernel_log import KilledProcess
from firstlight_hub.spawner.shortages import Shortage, Shortages

NOW = datetime(2026, 11, 27, 17, tzinfo=UTC)
PYTHON = KilledProcess("python", 12, 1745 * 1024**2)


def shortage(user: str = "mira", ago: timedelta = timedelta(), count: int = 1) -> Shortage:
    return Shortage(user, NOW - ago, 2 * 1024**3, count, (PYTHON,))


def new_list(path: Path | None = None) -> Shortages:
    return Shortages(path, clock=lambda: NOW)


@pytest.mark.parametrize(
    ("processes", "count", "words"),
    [
        ((PYTHON,), 1, "ended python (process 12, 1.7 GiB). The"),
        ((), 1, "ended 1 process. The"),
        ((PYTHON,), 2, "ended python (process 12, 1.7 GiB) and 1 other process. The"),
        (
            (PYTHON,) * 9,
            9,
            "ended " + "python (process 12, 1.7 GiB), " * 2 + "python (process 12, 1.7 GiB) "
            "and 6 other processes. The",
        ),
    ],
)
def test_the_message_says_which_process_and_how_much(
    processes: tuple[KilledProcess, ...], count: int, words: str
) -> None:
    found = Shortage("mira", NOW, 2 * 1024**3, count, processes)

    assert words in found.message
    assert found.message.endswith("The lab's limit is 2 GiB.")


def test_the_message_says_that_the_lab_ended() -> None:
    assert Shortage("mira", NOW, 1, 1, lab_ended=True).message.endswith("The lab ended too.")


async def test_the_newest_of_each_person_comes_first() -> None:
    found = new_list()
    for user, count in (("mira", 1), ("theo", 1), ("mira", 2)):
        await found.add(shortage(user, count=count))

    assert [(one.user, one.count) for one in found.recent()] == [("mira", 2), ("theo", 1)]


async def test_the_list_is_short_and_recent() -> None:
    found = new_list()
    await found.add(shortage("old", ago=timedelta(days=8)))
    for number in range(25):
        await found.add(shortage(f"person{number}", ago=timedelta(days=6)))

    assert [one.user for one in found.recent()] == [f"person{n}" for n in range(24, 4, -1)]


async def test_another_hub_reads_what_was_added(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    found = new_list(path)
    await found.add(shortage("mira"))
    await found.add(shortage("theo"))
    kept = await asyncio.to_thread(Shortages.load, path, lambda: NOW)

    assert kept.recent() == found.recent()
    assert [one.user for one in found.recent()] == ["theo", "mira"]


@pytest.mark.parametrize("content", [None, "", "[1]", "{}"])
def test_a_file_that_is_missing_or_invalid_is_an_empty_list(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "list.json"
    if content is not None:
        path.write_text(content)

    assert Shortages.load(path).recent() == ()


async def test_without_room_on_the_disk_it_is_in_the_list_all_the_same(tmp_path: Path) -> None:
    found = new_list(tmp_path / "missing" / "list.json")
    with pytest.raises(OSError, match="missing"):
        await found.add(shortage())

    assert len(found.recent()) == 1


def test_all_labs_share_the_list_of_the_configuration() -> None:
    found = Shortages()
    assert deepcopy({"shortages": found})["shortages"] is found
