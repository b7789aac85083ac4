"""What every service's answers share: who gets in, what errors look like, which headers."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tornado.testing import bind_unused_port

from firstlight_common.components import Component
from firstlight_common.section import Section
from firstlight_services.web import Kind, Route, ServiceApplication, ServiceError, ServiceHandler
from firstlight_services.web.testing import (
    FakeHub,
    fetch,
    make_context,
    running_component,
    serving,
    write_run,
)

TAP = Component(name="tap", path="/api/tap/", command=())


class Me(ServiceHandler[None]):
    async def get(self) -> None:
        self.write_json({"me": self.person.name, "groups": [*sorted(self.person.groups)]})


class Forgetful(ServiceHandler[None]):
    requires_login = False

    async def get(self) -> None:
        self.write_json({"me": self.person.name})


class Failing(ServiceHandler[None]):
    requires_login = False

    async def get(self) -> None:
        kind = self.get_query_argument("kind")
        if kind == "bug":
            raise ValueError("the password is swordfish")
        raise ServiceError("some_code", "It went wrong.", hint="Do this.", kind=Kind[kind])


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    async with FakeHub().running() as hub:
        hub.add_token("vera-token", "vera", scopes=["access:services!service=tap"], groups=["g"])
        hub.add_token("narrow-token", "ann", scopes=["access:services!service=butler"])
        yield hub


@pytest.fixture
async def url(hub: FakeHub, tmp_path: Path) -> AsyncIterator[str]:
    routes: list[Route] = [("me", Me), ("forgetful", Forgetful), ("failing", Failing)]
    app = ServiceApplication(make_context(tmp_path, TAP, Section, hub), routes, None)
    async with serving(app) as base, app.running():
        yield f"{base}/api/tap"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "token_required"),
        ({"Authorization": "Bearer wrong-token"}, 401, "token_required"),
        ({"Authorization": "Bearer narrow-token"}, 403, "scope_missing"),
    ],
)
async def test_who_may_not_is_told_so(
    url: str, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await fetch(f"{url}/me", headers=headers)

    assert answer.code == status
    assert json.loads(answer.body)["error"]["code"] == code


@pytest.mark.parametrize(
    "value",
    [
        "Bearer vera-token",
        "token vera-token",
        "Basic " + b64encode(b"vera:vera-token").decode(),
        "Basic " + b64encode(b"vera-token:x").decode(),
    ],
)
async def test_who_may_gets_in(url: str, value: str) -> None:
    answer = await fetch(f"{url}/me", headers={"Authorization": value})

    assert json.loads(answer.body) == {"me": "vera", "groups": ["g"]}


async def test_tokens_in_addresses_count_for_nothing(url: str) -> None:
    assert (await fetch(f"{url}/me?token=vera-token&access_token=vera-token")).code == 401


async def test_a_challenge_names_both_ways_in(url: str) -> None:
    challenges = (await fetch(f"{url}/me")).headers.get_list("WWW-Authenticate")

    assert [c.split()[0] for c in challenges] == ["Bearer", "Basic"]


async def test_a_handler_that_forgets_to_ask_opens_no_door(url: str) -> None:
    assert (await fetch(f"{url}/forgetful")).code == 401


async def test_while_the_hub_is_unavailable_the_answer_says_when_to_return(
    url: str, hub: FakeHub
) -> None:
    hub.unavailable = True
    answer = await fetch(f"{url}/me", headers={"Authorization": "Bearer vera-token"})

    assert answer.code == 503
    assert answer.headers["Retry-After"] == "3"


@pytest.mark.parametrize("kind", list(Kind))
async def test_each_kind_of_error_has_its_status_and_one_shape(url: str, kind: Kind) -> None:
    answer = await fetch(f"{url}/failing?kind={kind.name}")
    error = json.loads(answer.body)["error"]

    assert answer.code == kind.value
    assert set(error) == {"code", "message", "hint", "reference"}
    assert (error["code"], error["hint"]) == ("some_code", "Do this.")


async def test_a_bug_tells_the_person_nothing_of_its_inside(url: str) -> None:
    answer = await fetch(f"{url}/failing?kind=bug")

    assert answer.code == 500
    assert b"swordfish" not in answer.body
    assert b"Traceback" not in answer.body
    assert json.loads(answer.body)["error"]["code"] == "internal"


async def test_a_bug_is_in_the_log_under_its_reference(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await fetch(f"{url}/failing?kind=bug")

    assert json.loads(answer.body)["error"]["reference"] in caplog.text
    assert "swordfish" in caplog.text


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/nowhere", "GET", 404), ("/me", "DELETE", 405), ("/failing", "GET", 400)],
)
async def test_errors_of_the_framework_have_our_shape(
    url: str, path: str, method: str, status: int
) -> None:
    headers = {"Authorization": "Bearer vera-token"}
    answer = await fetch(f"{url}{path}", method=method, headers=headers)

    assert answer.code == status
    assert "error" in json.loads(answer.body)


@pytest.mark.parametrize("path", ["/healthz", "/me", "/nowhere", "/failing?kind=bug"])
async def test_every_answer_carries_the_security_headers(url: str, path: str) -> None:
    headers = (await fetch(f"{url}{path}")).headers

    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Tornado" not in headers["Server"]


async def test_health_needs_no_login(url: str) -> None:
    assert json.loads((await fetch(f"{url}/healthz")).body) == {"status": "ok", "version": "0.0"}


async def test_neither_tokens_nor_query_strings_are_logged(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    headers = {"Authorization": "Bearer vera-token"}
    await fetch(f"{url}/me?code=hush-hush", headers=headers)

    assert "200 GET /api/tap/me" in caplog.text
    assert "vera-token" not in caplog.text
    assert "hush-hush" not in caplog.text


_SLOW_SERVICE = """
import asyncio, sys
from contextlib import asynccontextmanager
from pathlib import Path
from firstlight_common.section import Section
from firstlight_services.web import ServiceApplication, ServiceHandler, load_context, run_service

class Slow(ServiceHandler[None]):
    requires_login = False
    async def get(self):
        print("started", flush=True)
        await asyncio.sleep(0.4)
        self.write_json("done")

@asynccontextmanager
async def lifespan(service):
    yield
    print("stopped", flush=True)

context = load_context(Path(sys.argv[1]), "tap", Section)
run_service(ServiceApplication(context, [("slow", Slow)], None, lifespan=lifespan))
"""


async def test_a_stop_lets_running_requests_finish(tmp_path: Path) -> None:
    socket, port = bind_unused_port()
    socket.close()
    write_run(tmp_path, [running_component(TAP, port)])
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _SLOW_SERVICE,
        str(tmp_path),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "JUPYTERHUB_API_URL": "http://127.0.0.1:9/nb/hub/api"},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    while b"listens" not in await process.stderr.readline():
        pass
    asking = asyncio.create_task(fetch(f"http://127.0.0.1:{port}/api/tap/slow"))
    assert await process.stdout.readline() == b"started\n"
    process.send_signal(signal.SIGTERM)

    assert json.loads((await asking).body) == "done"
    assert await process.stdout.readline() == b"stopped\n"
    await process.communicate()
    assert process.returncode == 0
