"""What the command reads from an earlier run."""

from __future__ import annotations

from pathlib import Path

import pytest

from firstlight_cli.paths import State
from firstlight_cli.plan import has_switch
from tests.runtimes import runtime_of


@pytest.mark.parametrize(
    ("name", "expected"), [("tap", True), ("butler", True), ("portal", False), ("hub", False)]
)
def test_only_what_can_be_left_out_has_a_switch(tmp_path: Path, name: str, expected: bool) -> None:
    state = State(tmp_path)
    state.run.mkdir()
    state.runtime.write_text(runtime_of(state_dir=tmp_path).model_dump_json())
    state.settings.write_text(
        '{"services": {"token_cache": "1s", "tap": {"enabled": true}, '
        '"butler": {"enabled": false}, "portal": {"enabled": true}}}'
    )

    assert has_switch(state, name) is expected
    assert not has_switch(State(tmp_path / "nowhere"), name)
