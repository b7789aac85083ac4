"""One more data service is one more package: nothing else of the platform changes."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.platform_under_test import Platform, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "firstlight-echo"
version = "1.0"

[project.entry-points."firstlight.components"]
echo = "firstlight_echo.component:COMPONENT"
"""
COMPONENT = '''
"""What the platform has to know of the service."""

from pydantic import Field

from firstlight_common.components import Component, HubService
from firstlight_common.section import Section


class EchoSettings(Section):
    """A service that greets."""

    enabled: bool = Field(True, description="Whether the service runs.")
    greeting: str = Field("Hello", description="How people are greeted.", examples=["Hello"])


COMPONENT = Component(
    name="echo",
    title="Echoes",
    path="/api/echo/",
    command=("{python}", "-m", "firstlight_echo", "--state-dir", "{state_dir}"),
    hub_service=HubService(),
    settings=EchoSettings,
)
'''
SERVICE = '''
"""Greets whoever has a token for it."""

from dataclasses import dataclass

from firstlight_echo.component import EchoSettings
from firstlight_services import web


@dataclass(frozen=True)
class Echo:
    greeting: str


class GreetingHandler(web.ServiceHandler[Echo]):
    async def get(self) -> None:
        self.write_json({"said": f"{self.service.greeting}, {self.person.name}"})


if __name__ == "__main__":
    context = web.load_context(web.parse_state_dir(None, "echo"), "echo", EchoSettings)
    service = Echo(context.settings.greeting)
    web.run_service(web.ServiceApplication(context, [(r"", GreetingHandler)], service))
'''


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the made-up service as a wheel and install that into a folder of its own."""
    project = tmp_path_factory.mktemp("echo")
    package = project / "src" / "firstlight_echo"
    package.mkdir(parents=True)
    (project / "pyproject.toml").write_text(PYPROJECT)
    (package / "__init__.py").write_text('"""A made-up service."""\n')
    (package / "component.py").write_text(COMPONENT)
    (package / "__main__.py").write_text(SERVICE)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(project / "dist")]
    subprocess.run(build, cwd=project, check=True, capture_output=True)
    (wheel,) = (project / "dist").glob("*.whl")
    site = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(wheel).extractall(site)  # a pure wheel is installed when it is unpacked
    return site


@pytest.fixture(scope="module")
def site(
    platform: Platform, installed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    """Run a platform on which the made-up service is installed."""
    folder = tmp_path_factory.mktemp("with-echo")
    config = folder / "platform.yaml"
    config.write_text("services: {echo: {greeting: Good evening}, token_cache: 1s}\n")
    running = Platform(
        folder / "var",
        config=config,
        demo=True,
        environment={"PYTHONPATH": str(installed)},
    ).take_data_of(platform)
    running.start()
    yield running
    running.stop()


def test_it_is_configured_with_the_errors_of_every_other_section(
    installed: Path, tmp_path: Path
) -> None:
    config = tmp_path / "platform.yaml"
    config.write_text("services:\n  echo:\n    greting: Hi\n")
    done = subprocess.run(
        [sys.executable, "-m", "firstlight_hub.settings", "check", str(config)],
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "platform.yaml:3:5  services.echo.greting" in done.stderr
    assert 'Did you mean "greeting"?' in done.stderr


def test_it_is_started_and_shown(site: Platform) -> None:
    status = {one["name"]: one for one in site.status()["components"]}
    assert status["echo"]["healthy"]
    found = wait_for(
        lambda: {one["name"]: one for one in site.get("/state.json").json()["services"]},
        what="the status panel",
    )
    assert found["echo"] == {"name": "echo", "title": "Echoes", "up": True}
    assert "Echoes" in site.get("/").text


def test_it_is_routed_and_authorized(site: Platform) -> None:
    site.login("mira-member")
    assert site.get("/api/echo/").status_code == 401
    assert site.get("/api/echo/", site.token("mira-member", "--scope", "tap")).status_code == 403
    for token in (site.token("mira-member", "--scope", "echo"), site.token("mira-member")):
        answer = site.get("/api/echo/", token)
        assert answer.json() == {"said": "Good evening, mira-member"}


def test_it_is_stopped_with_the_platform(
    platform: Platform, installed: Path, tmp_path: Path
) -> None:
    running = Platform(
        tmp_path / "var", demo=True, environment={"PYTHONPATH": str(installed)}
    ).take_data_of(platform)
    running.start()
    pid = running.pid_of("echo")
    assert pid
    running.stop()
    assert not Path(f"/proc/{pid}").exists()


def test_a_platform_without_the_package_knows_nothing_of_it(platform: Platform) -> None:
    assert "echo" not in {one["name"] for one in platform.runtime["components"]}
    assert platform.get("/api/echo/").status_code == 404
