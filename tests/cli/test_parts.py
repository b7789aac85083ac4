from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from firstlight_cli.cli import command
from firstlight_cli.errors import OperatorError
from firstlight_cli.parts import find_node, parts_of
from firstlight_cli.paths import Installation, State
from firstlight_cli.supervise import render_configuration


def test_the_demo_adds_the_pretend_github(
    state: State, runtime: dict[str, Any], settings: dict[str, Any]
) -> None:
    names = [part.name for part in parts_of(state, runtime, settings)]
    assert names == ["proxy", "hub", "tap", "butler", "portal", "demo-github"]


def test_disabled_services_do_not_run_but_the_landing_page_does(
    state: State, runtime: dict[str, Any], settings: dict[str, Any]
) -> None:
    runtime["demo"] = False
    for service in settings["services"].values():
        service["enabled"] = False
    names = [part.name for part in parts_of(state, runtime, settings)]
    assert names == ["proxy", "hub", "portal"]


def test_no_secret_is_in_an_argument_list_or_in_the_supervisors_configuration(
    state: State, runtime: dict[str, Any], settings: dict[str, Any]
) -> None:
    parts = parts_of(state, runtime, settings)
    configuration = render_configuration(state, parts)
    secrets = [path.read_text().strip() for path in state.secrets.iterdir()]
    assert len(secrets) == 8
    for secret in secrets:
        assert secret not in configuration
        assert all(secret not in " ".join(part.command) for part in parts)
        assert all(secret not in part.environment.values() for part in parts)


def test_each_service_gets_only_its_own_token(
    state: State, runtime: dict[str, Any], settings: dict[str, Any]
) -> None:
    parts = {part.name: part for part in parts_of(state, runtime, settings)}
    assert dict(parts["tap"].secrets) == {"JUPYTERHUB_API_TOKEN": "service_tap"}
    assert dict(parts["proxy"].secrets) == {"CONFIGPROXY_AUTH_TOKEN": "proxy_token"}


def test_the_proxy_asks_the_portal_for_its_error_pages(
    state: State, runtime: dict[str, Any], settings: dict[str, Any]
) -> None:
    proxy = parts_of(state, runtime, settings)[0]
    target = proxy.command[proxy.command.index("--error-target") + 1]
    assert target == "http://127.0.0.1:5/_error/"


def test_a_percent_sign_in_the_path_survives_the_supervisors_syntax(
    state: State, runtime: dict[str, Any], settings: dict[str, Any]
) -> None:
    odd = State(state.root.parent / "a%b")
    text = render_configuration(odd, parts_of(odd, runtime, settings))
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
    proxy = Installation(tmp_path).proxy
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
    assert all("make environments" in finding["fix"] for finding in findings)
