from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from firstlight_cli.cli import command
from firstlight_cli.components import find_node
from firstlight_cli.errors import OperatorError
from firstlight_cli.paths import Installation, State
from firstlight_cli.secrets import names_of
from firstlight_cli.supervise import render_configuration
from firstlight_common.runtime import Runtime


def test_no_secret_is_in_an_argument_list_or_in_the_supervisors_configuration(
    state: State, runtime: Runtime
) -> None:
    configuration = render_configuration(state, runtime.running())
    names = {path.name for path in state.secrets.iterdir()}
    assert names == names_of(runtime.components)
    for secret in (path.read_text().strip() for path in state.secrets.iterdir()):
        assert secret not in configuration
        assert secret not in runtime.model_dump_json()


def test_a_percent_sign_in_the_path_survives_the_supervisors_syntax(
    state: State, runtime: Runtime
) -> None:
    odd = State(state.root.parent / "a%b")
    text = render_configuration(odd, runtime.running())
    assert f'--state-dir "{state.root.parent}/a%%b"' in text


def test_without_any_node_the_fix_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        OperatorError, match=r"^Node\.js is missing; the proxy needs it\.$"
    ) as raised:
        find_node(Installation(tmp_path))
    assert "make environments" in raised.value.fix


def test_the_doctor_says_what_to_do_about_a_missing_node(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Installation(tmp_path).proxy_library
    proxy.parent.mkdir(parents=True)
    proxy.touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("FIRSTLIGHT_HOME", str(tmp_path))
    done = CliRunner().invoke(command, ["doctor", "--json", "--state-dir", str(state.root)])
    assert done.exit_code == 1
    findings = [finding for finding in json.loads(done.stdout) if "Node.js" in finding["detail"]]
    assert [(finding["what"], finding["verdict"]) for finding in findings] == [
        ("Node.js", "fail"),
        ("proxy", "fail"),
    ]
    assert all(f"make -C {tmp_path} environments" in finding["fix"] for finding in findings)
