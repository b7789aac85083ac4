"""The registry of components: what is installed, and what of it a run has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from firstlight_common.components import Component, HubService, Overlay
from firstlight_common.section import Section
from firstlight_hub.components import ComponentError, discover
from firstlight_hub.components.check import check
from firstlight_hub.describe import describe
from firstlight_hub.settings import load_settings, parse_settings
from tests.runtimes import PORTS, runtime_of


class Needy(Section):
    """Settings without a default."""

    key: str


def component(name: str, path: str = "", *more: str) -> Component:
    return Component(name=name, path=path, more_paths=more, command=("true",))


def test_the_platform_is_made_of_what_is_installed() -> None:
    assert [one.name for one in discover()] == [
        "proxy",
        "hub",
        "forks",
        "butler",
        "demo-github",
        "error-pages",
        "portal",
        "tap",
    ]


@pytest.mark.parametrize(
    ("components", "sentence"),
    [
        ([component("a", "/"), component("a")], 'have the name "a"'),
        (
            [component("a", "/"), component("b", "/b/"), component("c", "/c/", "/b/")],
            "both want the path /b/",
        ),
        ([component("a", "/a/")], "serves the front page"),
    ],
)
def test_components_that_do_not_fit_together_are_refused(
    components: list[Component], sentence: str
) -> None:
    with pytest.raises(ComponentError, match=sentence):
        check(components)


@pytest.mark.parametrize(
    ("yaml", "demo", "running"),
    [
        ("", False, {"proxy", "hub", "forks", "butler", "error-pages", "portal", "tap"}),
        (
            "",
            True,
            {"proxy", "hub", "forks", "butler", "demo-github", "error-pages", "portal", "tap"},
        ),
        # The portal also serves the front page, so it always runs.
        (
            "services: {tap: {enabled: false}, butler: {enabled: false}, portal: {enabled: false}, "
            "forks: {enabled: false}}",
            False,
            {"proxy", "hub", "error-pages", "portal"},
        ),
    ],
)
def test_settings_say_what_runs(yaml: str, demo: bool, running: set[str]) -> None:
    assert {one.name for one in runtime_of(yaml, demo=demo).running()} == running


def test_placeholders_are_filled_in() -> None:
    runtime = runtime_of()
    proxy = runtime.component("proxy")
    target = proxy.command[proxy.command.index("--error-target") + 1]
    assert target == f"http://127.0.0.1:{PORTS['error-pages']}/_error/"
    assert proxy.health == "http://127.0.0.1:8000/portal/healthz"
    tap = runtime.component("tap")
    assert tap.health == f"http://127.0.0.1:{PORTS['tap']}/api/tap/healthz"
    assert tap.environment["JUPYTERHUB_API_URL"] == f"http://127.0.0.1:{PORTS['hub']}/nb/hub/api"
    assert not any("{" in word for one in runtime.components for word in one.command)


def test_each_component_gets_its_own_secrets_only() -> None:
    runtime = runtime_of(demo=True)
    assert runtime.component("tap").secrets == {"JUPYTERHUB_API_TOKEN": "service_tap"}
    assert runtime.component("proxy").secrets == {"CONFIGPROXY_AUTH_TOKEN": "proxy_token"}


def test_what_a_component_lays_over_the_settings_is_told_while_it_runs() -> None:
    extra = Component(
        name="extra",
        path="/",
        command=("true",),
        overlay=Overlay(under={"site": {"name": "Trial"}}, over={"access": {"users": ["ada"]}}),
        runs="demo",
    )
    for demo, under in ((True, {"site": {"name": "Trial"}}), (False, {})):
        told = describe([extra], parse_settings(""), Path("/srv/fl"), demo=demo)
        assert told["under"] == under


def test_the_sample_is_the_default_data_set() -> None:
    (sample,) = runtime_of().datasets
    assert sample.label == "dp01"
    assert sample.sample
    assert sample.repository == Path("/srv/fl/data/sample/butler")
    assert sample.catalog == Path("/srv/fl/data/sample/catalog")
    assert sample.store == Path("/srv/fl/data/catalog/dp01")
    assert sample.felis is not None
    assert sample.felis.is_file()
    assert sample.collections == ("2.2i/runs/DP0.1",)
    assert sample.position is not None


def test_data_sets_of_the_site_keep_their_order_and_files() -> None:
    yaml = """
datasets:
  - {label: images, repository: /data/images}
  - label: tables
    title: Our tables
    felis: /data/tables.yaml
    catalog: /data/tables
    position: {ra: 10, dec: -5}
"""
    images, tables = runtime_of(yaml).datasets
    assert (images.title, images.store, images.repository) == ("images", None, Path("/data/images"))
    assert tables.store == Path("/srv/fl/data/catalog/tables")
    assert tables.position is not None
    assert tables.position.ra == 10


@pytest.mark.parametrize(
    ("description", "sentence"),
    [
        ({"name": "Odd-Name"}, "its name must be"),
        ({"name": "token_cache"}, "its name must be"),
        ({"name": "operator"}, "its name must be"),
        ({"path": "api/odd"}, "must begin and end with a slash"),
        ({"path": "/nb/hub/"}, "belongs to the hub"),
        ({"hub_service": HubService(), "path": ""}, "needs a path"),
        ({"hub_service": HubService(acts_at=("nobody",))}, "acts at 'nobody'"),
        ({"hub_service": HubService(acts_at=("proxy",))}, "acts at 'proxy'"),
        ({"secret_files": ("../../escaped",)}, "cannot be the name of a secret"),
        ({"command": ("x", "{nothing}")}, "placeholder that does not exist"),
        ({"command": ("x", "{1:2}")}, "placeholder that does not exist"),
        ({"command": ()}, "has no command"),
        ({"environment": {"A": "{urls[nobody]}"}}, "placeholder that does not exist"),
        ({"path": "", "health": "{url}{path}healthz"}, "is not a URL"),
        ({"settings": dict}, "not a subclass of"),
        ({"settings": Needy}, "need a valid default for each key"),
        ({"command": "true"}, "a tuple of strings"),
        ({"runs": "sometimes"}, "not always, enabled or demo"),
        ({"path": "/api/tap/odd/"}, "is inside that of tap"),
        ({"path": "/with space/"}, "must begin and end with a slash"),
    ],
)
def test_a_description_that_cannot_be_used_is_refused(
    description: dict[str, Any], sentence: str
) -> None:
    odd = Component(**{"name": "odd", "path": "/odd/", "command": ("true",), **description})
    with pytest.raises(ComponentError, match=sentence):
        check([*discover(), odd])


def test_a_page_is_offered_while_its_component_and_what_it_needs_are_enabled() -> None:
    def pages(yaml: str) -> list[str]:
        return [page.path for page in runtime_of(yaml).pages()]

    assert pages("") == ["/portal/app"]
    assert pages("services: {portal: {enabled: false}}") == []
    assert pages("services: {tap: {enabled: false}}") == []


def test_the_program_refuses_a_broken_component_in_a_sentence(tmp_path: Path) -> None:
    package = tmp_path / "broken-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    entry = "[firstlight.components]\nbroken = broken_component:COMPONENT\n"
    (package / "entry_points.txt").write_text(entry)
    (tmp_path / "broken_component.py").write_text("print('hello')\nimport nonsense\n")
    for program in (("describe", "--state-dir", str(tmp_path)), ("settings", "check")):
        done = subprocess.run(
            [sys.executable, "-m", f"firstlight_hub.{program[0]}", *program[1:]],
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "The component broken of broken cannot be loaded" in done.stderr
        assert "Traceback" not in done.stderr


def test_overlays_are_merged_and_laid_where_the_file_is(tmp_path: Path) -> None:
    config = tmp_path / "platform.yaml"
    config.write_text("site: {name: no}\nbranding: {logo: art/logo.svg}\n")
    under: dict[str, JsonValue] = {"site": {"name": "Trial", "contact": "me@site.example"}}
    over: dict[str, JsonValue] = {"access": {"users": ["ada"]}}
    settings = load_settings(config, under=under, over=over)
    assert (settings.site.name, settings.site.contact) == ("no", "me@site.example")
    assert settings.access.users == {"ada"}
    assert settings.branding.logo == tmp_path / "art/logo.svg"
