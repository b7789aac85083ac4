"""What the command reads from an earlier run."""

from __future__ import annotations

from pathlib import Path

import pytest

from firstlight_cli.doctor import examine
from firstlight_cli.errors import OperatorError
from firstlight_cli.paths import State
from firstlight_cli.plan import has_switch, unused_configuration, write_plan
from firstlight_cli.status import ask_status
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


def test_a_platform_yaml_that_nobody_named_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert unused_configuration(None) is None

    (tmp_path / "platform.yaml").write_text("site: {name: Mine}\n")

    found = unused_configuration(None)
    assert found is not None
    assert "CONFIG=platform.yaml" in found.fix
    assert unused_configuration(tmp_path / "platform.yaml") is None
    finding = next(f for f in examine(State(tmp_path), None, 8000) if f.what == "configuration")
    assert (finding.verdict, finding.fix) == ("warn", found.fix)


def test_a_privileged_port_is_not_said_to_be_listened_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = "Port 80 of 127.0.0.1 needs privileges that this user does not have."
    monkeypatch.setattr("firstlight_cli.plan.why_taken", lambda *_: reason)
    with pytest.raises(OperatorError) as refused:
        write_plan(State(tmp_path), port=80, config=None, demo=False, bind=None)
    assert refused.value.message == reason
    assert "Stop what listens" not in refused.value.fix


def test_after_a_crash_the_hint_has_the_options_of_the_last_run(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.run.mkdir()
    before = runtime_of(state_dir=tmp_path, demo=True, port=8017)
    state.runtime.write_text(before.model_dump_json())
    with pytest.raises(OperatorError) as refused:
        ask_status(state)
    assert f"up --port 8017 --demo --state-dir {tmp_path}`" in refused.value.fix
