"""A state directory as ``firstlight up`` would make it, without starting anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from firstlight_cli.paths import State
from firstlight_cli.secrets import ensure_secrets
from firstlight_common.runtime import Runtime
from tests.runtimes import runtime_of


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    """Return what a run of a demo decided."""
    return runtime_of(state_dir=tmp_path / "var", demo=True)


@pytest.fixture
def state(runtime: Runtime) -> State:
    """Return a state directory with secrets, runtime and settings."""
    state = State(runtime.state_dir)
    state.make()
    ensure_secrets(state, runtime)
    state.runtime.write_text(runtime.model_dump_json())
    state.settings.write_text("{}")
    return state
