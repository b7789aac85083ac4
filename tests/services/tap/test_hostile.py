"""Hostile queries of one person against a service process: everybody else is served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse

from firstlight_services.tap.query.size import MOST_DISTINCT
from tests.services.tap.process import TapProcess, tap_process

pytestmark = pytest.mark.integration

PATIENCE = 60.0
"""Seconds: far more than any of the answers takes, and less than a service that is stuck."""

CONE = """SELECT objectId, ra, dec FROM object
WHERE CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 62.0, -37.0, 0.2)) = 1"""
SLOW = "SELECT SUM(SIN(a.ra * b.dec + c.ra * d.dec)) FROM object a, object b, object c, object d"
HOSTILE = {
    "stars": f"SELECT {'f.*, ' * 1000}1 FROM forced_photometry f",
    "nested stars": "SELECT " + "q.*, " * 90 + "1 FROM (SELECT " + "f.*, " * 6
    + "1 FROM forced_photometry f) AS q",
    "DISTINCT": "SELECT " + ", ".join(f"COUNT(DISTINCT ra + {n})" for n in range(400)) + " FROM object",
    "correlated": "SELECT 1 FROM object o WHERE " + " OR ".join(
        f"EXISTS (SELECT 1 FROM object b WHERE b.ra = o.ra + {n})" for n in range(64)
    ),
    "long": "SELECT 1 FROM object WHERE " + " OR ".join(f"ra - dec / {n + 1} > 1" for n in range(4000)),
    "slow to run": SLOW,
    "distinct within the limits": "SELECT "
    + ", ".join(f"COUNT(DISTINCT ra + {n})" for n in range(MOST_DISTINCT)) + " FROM object",
}  # fmt: skip


@dataclass
class Service:
    """A service process, and how to ask it."""

    running: TapProcess

    async def get(self, path: str, token: str = "vera-token") -> HTTPResponse:
        return await self._send(
            HTTPRequest(f"{self.running.url}/api/tap/{path}", headers=_headers(token))
        )

    async def query(self, adql: str, token: str) -> HTTPResponse:
        return await self._send(
            HTTPRequest(
                f"{self.running.url}/api/tap/sync",
                method="POST",
                headers=_headers(token),
                body=urlencode({"LANG": "ADQL", "QUERY": adql}),
            )
        )

    async def _send(self, request: HTTPRequest) -> HTTPResponse:
        request.connect_timeout = request.request_timeout = PATIENCE
        client = AsyncHTTPClient(force_instance=True)
        try:
            return await client.fetch(request, raise_error=False)
        finally:
            client.close()


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def service(state: Path, tmp_path: Path) -> AsyncIterator[Service]:
    async with tap_process(state, tmp_path, "vera", "mallory") as running:
        yield Service(running)


async def attack(service: Service, adql: str) -> list[asyncio.Task[HTTPResponse]]:
    """Send a query many times, as one person."""
    tasks = [asyncio.create_task(service.query(adql, "mallory-token")) for _ in range(12)]
    await asyncio.sleep(0)
    return tasks


async def leave(tasks: list[asyncio.Task[HTTPResponse]]) -> None:
    """Close the connections of requests that are not answered yet."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("name", HOSTILE)
async def test_everybody_else_is_served(name: str, service: Service) -> None:
    assert (await service.query(CONE, "vera-token")).code == 200
    tasks = await attack(service, HOSTILE[name])
    try:
        for _ in range(3):
            answers = await asyncio.gather(
                service.get("availability"),
                service.get("tables"),
                service.get("healthz"),
                service.query(CONE, "vera-token"),
                service.query("SELECT nope FROM object", "vera-token"),
            )
            assert [one.code for one in answers] == [200, 200, 200, 200, 400]
            assert b"<vosi:available>true</vosi:available>" in answers[0].body
    finally:
        await leave(tasks)


async def test_stars_that_would_be_a_million_columns_are_refused(service: Service) -> None:
    for name, said in (("stars", b"5000 columns"), ("nested stars", b"5000 columns")):
        answer = await service.query(HOSTILE[name], "vera-token")
        assert answer.code == 400
        assert said in answer.body


async def test_hostile_queries_do_not_keep_the_service_from_stopping(service: Service) -> None:
    tasks = []
    for name in ("stars", "long", "slow to run", "distinct within the limits"):
        tasks += await attack(service, HOSTILE[name])
    # All of them have arrived once a later request is answered.
    assert (await service.get("availability")).code == 200
    service.running.process.terminate()
    async with asyncio.timeout(PATIENCE):
        assert await service.running.process.wait() == 0
    await leave(tasks)


async def test_one_persons_queries_leave_a_worker_to_others(service: Service) -> None:
    tasks = await attack(service, SLOW)
    try:
        answers = await asyncio.gather(
            *(service.query(CONE, "vera-token") for _ in range(4)),
        )
        assert [one.code for one in answers] == [200] * 4
        # Mallory's own queries wait for Mallory's.
        assert not any(task.done() for task in tasks)
    finally:
        await leave(tasks)


async def test_nobody_can_fill_the_queue(service: Service) -> None:
    tasks = [asyncio.create_task(service.query(SLOW, "mallory-token")) for _ in range(40)]
    try:
        done, _ = await asyncio.wait(tasks, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        refused = [one.result() for one in done]
        assert {one.code for one in refused} == {503}
        assert b"Too many of your queries are waiting." in refused[0].body
        assert (await service.query(CONE, "vera-token")).code == 200
    finally:
        await leave(tasks)
