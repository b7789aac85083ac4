"""Reading is expensive, so it is done once for all callers, off the event loop."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from firstlight_services.butler.models import Repository
from firstlight_services.butler.service import Repositories
from firstlight_services.web import ServiceError
from tests.waiting import PATIENCE, eventually


class Reader:
    """Counts how often it reads; waits when told."""

    def __init__(self) -> None:
        self.reads = 0
        self.go_on = threading.Event()
        self.go_on.set()
        self.broken = False
        self.threads: set[int] = set()

    def __call__(self, folder: Path, label: str) -> Repository:
        self.reads += 1
        self.threads.add(threading.get_ident())
        assert self.go_on.wait(PATIENCE)
        if self.broken:
            raise RuntimeError("a secret path")
        return Repository(label, (), (), (), ())


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def repositories(tmp_path: Path, reader: Reader) -> Repositories:
    (tmp_path / "butler.yaml").write_text("x")
    (tmp_path / "gen3.sqlite3").write_text("x")
    return Repositories({"dp01": tmp_path}, reader=reader)


async def test_reads_once_while_nothing_changes(repositories: Repositories, reader: Reader) -> None:
    for _ in range(3):
        await repositories.describe("dp01")

    assert reader.reads == 1


async def test_a_crowd_costs_one_read(repositories: Repositories, reader: Reader) -> None:
    reader.go_on.clear()
    crowd = asyncio.gather(*(repositories.describe("dp01") for _ in range(20)))
    await eventually(lambda: reader.reads)
    reader.go_on.set()
    await crowd

    assert reader.reads == 1


@pytest.mark.parametrize("name", ["butler.yaml", "gen3.sqlite3"])
async def test_reads_again_after_a_change(
    repositories: Repositories, reader: Reader, tmp_path: Path, name: str
) -> None:
    await repositories.describe("dp01")
    (tmp_path / name).write_text("something else")
    await repositories.describe("dp01")

    assert reader.reads == 2


async def test_does_not_hold_up_the_event_loop(repositories: Repositories, reader: Reader) -> None:
    reader.go_on.clear()
    task = asyncio.create_task(repositories.describe("dp01"))
    await eventually(lambda: reader.reads)

    assert not task.done()
    reader.go_on.set()
    await task
    assert threading.get_ident() not in reader.threads


async def test_a_failure_is_not_kept(repositories: Repositories, reader: Reader) -> None:
    reader.broken = True
    with pytest.raises(ServiceError) as caught:
        await repositories.describe("dp01")
    assert "secret" not in caught.value.message
    reader.broken = False

    assert (await repositories.describe("dp01")).label == "dp01"


async def test_a_repository_that_vanished_is_not_described_from_the_cache(
    repositories: Repositories, tmp_path: Path
) -> None:
    await repositories.describe("dp01")
    (tmp_path / "butler.yaml").unlink()

    with pytest.raises(ServiceError, match="does not exist yet"):
        await repositories.describe("dp01")
