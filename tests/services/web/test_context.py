"""What a service reads about where it runs."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import Field, JsonValue

from firstlight_common import paths
from firstlight_common.components import Component
from firstlight_common.section import Section
from firstlight_common.units import Duration
from firstlight_services.web import ServiceContext, load_context
from firstlight_services.web.testing import running_component, write_run


class EchoSettings(Section):
    timeout: Duration = Field(timedelta(minutes=5))


ECHO = Component(name="echo", path="/api/echo/", command=())
HUB = Component(name="hub", path=paths.HUB, command=())


@pytest.fixture
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("JUPYTERHUB_API_URL", "JUPYTERHUB_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    components = [running_component(HUB, 4321), running_component(ECHO, 1234)]
    settings: JsonValue = {
        "services": {"token_cache": 10.0, "echo": {"timeout": 60.0, "new_key": 1}}
    }
    write_run(tmp_path, components, settings=settings)
    return tmp_path


def _load(state_dir: Path) -> ServiceContext[EchoSettings]:
    return load_context(state_dir, "echo", EchoSettings)


def test_reads_its_component_and_its_settings(state_dir: Path) -> None:
    context = _load(state_dir)

    assert (context.name, context.component.port, context.prefix) == ("echo", 1234, "/api/echo/")
    assert context.state_dir == state_dir
    assert context.public_url == "http://127.0.0.1:8000"
    assert context.settings.timeout == timedelta(minutes=1)


def test_reads_what_all_services_share(state_dir: Path) -> None:
    shared = _load(state_dir).shared

    assert shared.services.token_cache == timedelta(seconds=10)
    assert shared.site.name == "First Light"


def test_finds_the_hub_without_an_environment(state_dir: Path) -> None:
    assert _load(state_dir).hub_api_url == "http://127.0.0.1:4321/nb/hub/api"


def test_the_environment_knows_better_where_the_hub_is(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTERHUB_API_URL", "http://hub:8081/nb/hub/api")

    assert _load(state_dir).hub_api_url == "http://hub:8081/nb/hub/api"


def test_does_not_print_its_token(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "sesame-sesame")

    assert "sesame" not in repr(_load(state_dir))


def test_says_what_to_do_when_nothing_is_there(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="firstlight up"):
        _load(tmp_path)


def test_says_what_to_do_when_the_run_does_not_know_it(state_dir: Path) -> None:
    write_run(state_dir, [running_component(HUB, 4321)])

    with pytest.raises(SystemExit, match="firstlight up"):
        _load(state_dir)


def test_says_what_to_do_when_the_settings_are_wrong(state_dir: Path) -> None:
    settings = {"services": {"echo": {"timeout": "soon"}}}
    (state_dir / "run" / "settings.json").write_text(json.dumps(settings))

    with pytest.raises(SystemExit, match="firstlight up"):
        _load(state_dir)
