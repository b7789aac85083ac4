from __future__ import annotations

import json
import shutil
import socket
from collections import namedtuple
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner, Result

from firstlight_cli.access import parse_duration
from firstlight_cli.cli import command
from firstlight_cli.disk import require_room, shortage
from firstlight_cli.errors import OperatorError
from firstlight_cli.http import Hub, HubRefusalError
from firstlight_cli.paths import State, write_private
from firstlight_cli.plan import write_plan
from firstlight_common.runtime import Runtime


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


def test_help_names_every_command() -> None:
    text = run("--help").output
    for name in (
        "up",
        "stop",
        "status",
        "token",
        "link",
        "doctor",
        "logs",
        "config",
    ):
        assert f"  {name} " in text


@pytest.mark.parametrize(
    "arguments",
    [["status"], ["token", "--user", "ada"], ["link", "--user", "ada"], ["logs", "hub"], ["stop"]],
)
def test_without_a_platform_each_command_says_so_in_a_sentence(
    tmp_path: Path, arguments: list[str]
) -> None:
    result = run(*arguments, "--state-dir", str(tmp_path / "var"))
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert str(tmp_path / "var") in result.output


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("1h30m", 5400), ("7d", 604800)]
)
def test_durations_are_human(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "-1h", "1.5h", "0s", "1h 2m"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(OperatorError):
        parse_duration(text)


def test_a_wrong_duration_was_not_understood(tmp_path: Path) -> None:
    result = run("token", "--user", "ada", "--for", "5x", "--state-dir", str(tmp_path))
    assert result.exit_code == 2
    assert "not a duration" in result.output


def test_an_unknown_log_names_the_nearest(state: State) -> None:
    (state.logs / "hub.log").write_text("one\ntwo\nthree\n")
    result = run("logs", "hubb", "--state-dir", str(state.root))
    assert result.exit_code == 1
    assert "Did you mean hub?" in result.output
    assert run("logs", "hub", "-n", "2", "--state-dir", str(state.root)).output == "two\nthree\n"


def test_the_demo_keeps_the_sites_own_settings(tmp_path: Path) -> None:
    config = tmp_path / "platform.yaml"
    config.write_text("site: {name: Mine}\nidentity: {refresh: 7s}\n")
    state = State(tmp_path / "var")
    state.make()
    plan = write_plan(state, port=_unused(), config=config, demo=True, bind=None)
    assert plan.settings["site"]["name"] == "Mine"
    assert plan.settings["site"]["contact"] == "help@observatory.example"
    assert plan.settings["identity"]["refresh"] == 7
    assert plan.settings["identity"]["provider"] == "github"
    assert plan.settings["access"]["blocked"] == ["bob-blocked"]
    assert json.loads(state.runtime.read_text())["config"] == str(config)


def test_the_demo_assumes_a_contact_only_where_the_site_names_none(tmp_path: Path) -> None:
    config = tmp_path / "platform.yaml"
    config.write_text("site: {contact: me@site.example}\n")
    state = State(tmp_path / "var")
    state.make()
    plan = write_plan(state, port=_unused(), config=config, demo=True, bind=None)
    assert plan.settings["site"]["contact"] == "me@site.example"


def test_the_demo_is_not_shown_to_the_network(tmp_path: Path) -> None:
    state = State(tmp_path / "var")
    state.make()
    with pytest.raises(OperatorError, match="loopback only"):
        write_plan(state, port=_unused(), config=None, demo=True, bind="0.0.0.0")


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 10**5))
    state = State(tmp_path / "var")
    with pytest.raises(OperatorError, match="has 0 MiB free"):
        require_room(state)
    assert "is full" in str(shortage(state))
    assert not state.root.exists()


def test_the_hubs_failures_on_a_full_disk_are_told_as_such(
    state: State, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HTTPServer(("127.0.0.1", 0), _Broken) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        hub = runtime.component("hub").model_copy(update={"url": url})
        broken = runtime.model_copy(update={"components": (hub,)})
        write_private(state.runtime, broken.model_dump_json())
        with pytest.raises(OperatorError, match=r"^The hub failed: [^.]+\.$"):
            Hub(state).call("GET", "/users")
        usage = namedtuple("usage", "total used free")
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 0))
        with pytest.raises(OperatorError, match="is full"):
            Hub(state).call("GET", "/users")
        server.shutdown()


class _Broken(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(500)

    def log_message(self, *_: object) -> None:
        pass


def test_the_doctor_finds_open_secrets_and_a_taken_port(state: State) -> None:
    (state.secrets / "crypt_key").chmod(0o644)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        result = run("doctor", "--json", "--port", port, "--state-dir", str(state.root))
    findings = {finding["what"]: finding for finding in json.loads(result.output)}
    assert result.exit_code == 1
    assert findings["secrets"]["verdict"] == "fail"
    assert "crypt_key" in findings["secrets"]["detail"]
    assert findings["platform"]["verdict"] == "warn"
    assert port in findings["platform"]["detail"]
    assert findings["Node.js"]["verdict"] == "ok"


def _unused() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("message", ["ada exists", "ada exists; choose another name."])
def test_a_refusal_is_one_sentence_without_a_number(state: State, message: str) -> None:
    said = HubRefusalError(409, message, state).message
    assert said == f"The hub refused: {message.rstrip('.')}."


def test_config_takes_the_file_by_position(tmp_path: Path) -> None:
    config = tmp_path / "platform.yaml"
    config.write_text("site: {name: Mine}\n")
    done = run("config", "check", str(config))
    assert (done.exit_code, done.output) == (0, "OK\n")
    config.write_text("site: {nam: Mine}\n")
    done = run("config", "check", str(config))
    assert done.exit_code == 1
    assert "platform.yaml:1" in done.output
