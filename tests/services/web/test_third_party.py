"""A service that somebody else writes, in one file: all that it takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import Field, JsonValue

from firstlight_common.components import Component, HubService
from firstlight_common.section import Section
from firstlight_services import web
from firstlight_services.web.testing import FakeHub, fetch, make_context, serving

# --- the service


class EchoSettings(Section):
    """Says things back."""

    greeting: str = Field("Hello", description="How it begins.")


COMPONENT = Component(
    name="echo",
    title="Echo",
    path="/api/echo/",
    command=("{python}", "-m", "echo", "--state-dir", "{state_dir}"),
    hub_service=HubService(),
    settings=EchoSettings,
)


class EchoHandler(web.ServiceHandler[EchoSettings]):
    async def get(self, word: str) -> None:
        self.write_json({"said": f"{self.service.greeting} {self.person.name}, {word}"})


def make_app(context: web.ServiceContext[EchoSettings]) -> web.ServiceApplication[EchoSettings]:
    return web.ServiceApplication(context, [(r"say/(\w+)", EchoHandler)], context.settings)


def main() -> None:
    state_dir = web.parse_state_dir(None, COMPONENT.name)
    web.run_service(make_app(web.load_context(state_dir, COMPONENT.name, EchoSettings)))


# --- its test


@pytest.mark.parametrize(
    ("token", "status", "answer"),
    [
        ("vera-token", 200, {"said": "Good evening vera, again"}),
        ("narrow-token", 403, None),
        ("nobodys-token", 401, None),
    ],
)
async def test_it_answers_people_with_a_token_for_it(
    tmp_path: Path, token: str, status: int, answer: JsonValue
) -> None:
    async with FakeHub().running() as hub:
        hub.add_token("vera-token", "vera", scopes=["access:services!service=echo"])
        hub.add_token("narrow-token", "ann", scopes=["access:services!service=tap"])
        settings: JsonValue = {"services": {"echo": {"greeting": "Good evening"}}}
        app = make_app(make_context(tmp_path, COMPONENT, EchoSettings, hub, settings=settings))
        async with serving(app) as url, app.running():
            headers = {"Authorization": f"Bearer {token}"}
            said = await fetch(f"{url}/api/echo/say/again", headers=headers)
            assert said.code == status
            assert answer is None or json.loads(said.body) == answer
            assert (await fetch(f"{url}/api/echo/healthz")).code == 200
