"""A lab's server waits for a hub that restarts."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tornado.httpserver import HTTPServer
from tornado.web import Application, HTTPError, RequestHandler

from firstlight_lab import hub_outage
from firstlight_lab.hub_outage import PatientHubOAuth


class _Who(RequestHandler):
    status = 200

    def get(self) -> None:
        self.set_status(self.application.settings["status"])
        self.write(json.dumps({"name": "ada"}))


@asynccontextmanager
async def hub(port: int, status: int = 200) -> AsyncIterator[None]:
    server = HTTPServer(Application([("/hub/api/user", _Who)], status=status))
    server.listen(port, "127.0.0.1")
    try:
        yield
    finally:
        server.stop()
        await server.close_all_connections()


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def auth_of(port: int) -> PatientHubOAuth:
    url = f"http://127.0.0.1:{port}/hub/api"
    return PatientHubOAuth(api_url=url, api_token="a-token", oauth_client_id="lab")


async def test_a_question_waits_until_the_hub_is_back(port: int) -> None:
    asked = asyncio.ensure_future(auth_of(port).user_for_token("theirs", sync=False))
    await asyncio.sleep(0)
    async with hub(port):
        assert (await asked)["name"] == "ada"


async def test_a_hub_that_does_not_come_back_is_a_503(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_outage, "_SECONDS", 0.1)
    with pytest.raises(HTTPError) as refused:
        await auth_of(port).user_for_token("theirs", sync=False)
    assert refused.value.status_code == 503
    assert "restarting" in str(refused.value.log_message)


async def test_a_hub_that_fails_is_asked_again(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_outage, "_SECONDS", 0.1)
    async with hub(port, status=503):
        with pytest.raises(HTTPError) as refused:
            await auth_of(port).user_for_token("theirs", sync=False)
    assert refused.value.status_code == 503


async def test_a_refusal_is_not_asked_again(port: int) -> None:
    async with hub(port, status=403):
        assert await auth_of(port).user_for_token("theirs", sync=False) is None
