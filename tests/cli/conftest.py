"""A state directory as ``firstlight up`` would make it, without starting anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from firstlight_cli.paths import State
from firstlight_cli.secrets import ensure_secrets

RUNTIME: dict[str, Any] = {
    "config": None,
    "demo": True,
    "bind": "127.0.0.1",
    "port": 8000,
    "public_url": "http://127.0.0.1:8000",
    "ports": {
        "proxy_api": 1,
        "hub": 2,
        "tap": 3,
        "butler": 4,
        "portal": 5,
        "demo_github": 6,
    },
}
SETTINGS: dict[str, Any] = {
    "services": {
        "tap": {"enabled": True},
        "butler": {"enabled": True},
        "portal": {"enabled": True},
    }
}


@pytest.fixture
def state(tmp_path: Path) -> State:
    """Return a state directory with secrets, runtime and settings."""
    state = State(tmp_path / "var")
    state.make()
    ensure_secrets(state)
    state.runtime.write_text(json.dumps(RUNTIME | {"state_dir": str(state.root)}))
    state.settings.write_text(json.dumps(SETTINGS))
    return state


@pytest.fixture
def runtime() -> dict[str, Any]:
    """Return what a run decided."""
    return json.loads(json.dumps(RUNTIME))


@pytest.fixture
def settings() -> dict[str, Any]:
    """Return resolved settings, as far as the client reads them."""
    return json.loads(json.dumps(SETTINGS))
