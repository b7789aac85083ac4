from __future__ import annotations

from typing import Any

from firstlight_client.parts import parts_of
from firstlight_client.paths import State
from firstlight_client.supervise import render_configuration


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
