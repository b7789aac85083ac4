"""What a service reads about where it runs."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from firstlight_services.web import load_context


@pytest.fixture
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("JUPYTERHUB_API_URL", "JUPYTERHUB_API_TOKEN", "JUPYTERHUB_SERVICE_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    run = tmp_path / "run"
    run.mkdir()
    settings = {"services": {"token_cache": 10.0, "tap": {"timeout": 60.0, "new_key": 1}}}
    (run / "settings.json").write_text(json.dumps(settings))
    runtime = {"public_url": "http://127.0.0.1:8000/", "ports": {"tap": 1234, "hub": 4321}}
    (run / "runtime.json").write_text(json.dumps({"state_dir": str(tmp_path), **runtime}))
    return tmp_path


def test_reads_port_prefix_and_settings(state_dir: Path) -> None:
    context = load_context(state_dir, "tap")

    assert (context.port, context.prefix) == (1234, "/api/tap/")
    assert context.public_url == "http://127.0.0.1:8000"
    assert context.settings.services.tap.timeout == timedelta(minutes=1)
    assert context.settings.site.name == "First Light"


def test_finds_the_hub_without_an_environment(state_dir: Path) -> None:
    assert load_context(state_dir, "tap").hub_api_url == "http://127.0.0.1:4321/nb/hub/api"


def test_does_not_print_its_token(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "sesame-sesame")

    assert "sesame" not in repr(load_context(state_dir, "tap"))


def test_says_what_to_do_when_nothing_is_there(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="firstlight up"):
        load_context(tmp_path, "tap")
