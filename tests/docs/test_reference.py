"""What a person can type, set, call or find is in the reference."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import JsonValue
from traitlets.config import Config

import firstlight_services.butler.component as butler
import firstlight_services.portal.component as portal
import firstlight_services.tap.component as tap
from firstlight_cli.cli import command
from firstlight_cli.secrets import names_of
from firstlight_common.section import Section
from firstlight_demo.app import make_app as make_demo_github
from firstlight_hub.configure import configure
from firstlight_hub.settings import Settings
from firstlight_hub.settings.keys import keys
from firstlight_hub.settings.model import LabSize
from firstlight_hub.spawner.environment import (
    LabPlace,
    lab_variables,
    limit_variables,
    nublado_files,
)
from firstlight_hub.spawner.models import LabInstallation
from firstlight_services.web.testing import FakeHub, make_context
from tests.docs.conftest import DOCS, reference
from tests.runtimes import runtime_of

SERVICES = {
    "portal": ("portal.app", portal.COMPONENT),
    "error-pages": ("portal.standby", portal.ERROR_PAGES),
    "tap": ("tap.app", tap.COMPONENT),
    "butler": ("butler.app", butler.COMPONENT),
}
"""The module with each service's routes, and its description."""
_SAMPLES = ("dp01", "503", "file", "a/path", "sync", "1")


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- commands


def test_the_page_of_commands_is_what_the_commands_say() -> None:
    page = _load(DOCS / "commands.py").page(DOCS.parent / "Makefile")

    assert reference("commands") == page, (
        "run: python docs/commands.py > docs/reference/commands.md"
    )


@pytest.mark.parametrize("name", list(command.commands))
def test_every_command_and_option_is_on_the_page(name: str) -> None:
    import click

    found = command.get_command(click.Context(command), name)
    assert found is not None
    section = reference("commands").split(f"### `firstlight {name}`\n")[1].split("\n### ")[0]

    assert found.help
    options = [
        option for parameter in found.params for option in parameter.opts if option[0] == "-"
    ]
    assert [option for option in options if f"`{option}" not in section] == []


# --- settings


def test_every_setting_is_on_the_page() -> None:
    page = reference("configuration")

    assert [key.path for key in keys() if f"| `{key.path}` |" not in page] == []


# --- addresses


def _hub_routes(tmp: Path) -> Iterator[str]:
    config = Config()
    runtime = runtime_of(state_dir=tmp, demo=True)
    secrets = dict.fromkeys(names_of(runtime.components), "00" * 32)
    configure(config, Settings(), runtime, secrets)
    authenticator = config.JupyterHub.authenticator_class(config=config)
    for route in authenticator.get_handlers(None):
        yield "/nb/hub" + route[0]


def _service_routes(name: str, tmp: Path) -> Iterator[str]:
    module, component = SERVICES[name]
    settings: JsonValue = {"branding": {"logo": "logo.svg"}}
    model = component.settings or Section
    context = make_context(tmp, component, model, FakeHub(), settings=settings)
    routes = importlib.import_module(f"firstlight_services.{module}").routes
    for route in (*routes(context), ("healthz",)):
        yield route[0] if route[0].startswith("/") else context.prefix + route[0]


def _demo_routes() -> Iterator[str]:
    app = make_demo_github("http://127.0.0.1/callback", "secret")
    for rule in app.wildcard_router.rules:
        yield rule.matcher.regex.pattern


def _routes(part: str, tmp: Path) -> list[str]:
    if part == "hub":
        return list(_hub_routes(tmp))
    return list(_demo_routes() if part == "demo-github" else _service_routes(part, tmp))


def _written() -> list[str]:
    """Return the addresses in the page's tables."""
    cells = re.findall(r"^\| (`/[^|]*) \|", reference("endpoints"), re.MULTILINE)
    return [address for cell in cells for address in re.findall(r"`([^`]+)`", cell)]


def _samples(address: str) -> set[str]:
    """Return an address with samples in place of what varies."""
    return {re.sub(r"\{\w+\}", sample, address) for sample in _SAMPLES}


def _matches(route: str, address: str) -> bool:
    return re.fullmatch(route.rstrip("$"), address) is not None


@pytest.mark.parametrize("part", ["hub", "demo-github", *SERVICES])
def test_every_address_is_on_the_page(part: str, tmp_path: Path) -> None:
    addresses = {sample for address in _written() for sample in _samples(address)}
    missing = [
        route
        for route in _routes(part, tmp_path)
        if not any(_matches(route, address) for address in addresses)
    ]

    assert missing == []


def test_every_address_on_the_page_exists(tmp_path: Path) -> None:
    routes = [route for part in (*SERVICES, "demo-github") for route in _routes(part, tmp_path)]
    # Most of what is below /nb/ is JupyterHub's own.
    ours = [address for address in _written() if not address.startswith("/nb/")]
    unknown = [
        address
        for address in ours
        if not any(_matches(route, sample) for route in routes for sample in _samples(address))
    ]

    assert ours
    assert unknown == []


# --- labs and state


def test_everything_that_a_lab_finds_is_on_the_page() -> None:
    variables = lab_variables(
        LabPlace("vera", Path("/home/vera"), Path("/etc/nublado")),
        runtime=runtime_of(),
        token="token",
        installation=LabInstallation(Path("/labs/bin/python"), ()),
        inherited={},
    ) | limit_variables(LabSize(name="small", title="Small", cpu=1, memory=2**30))
    files = nublado_files(runtime_of(), "token", variables)
    page = reference("lab-environment")
    single = {f"<mounts>/{name}" for name in files if not name.startswith("environment/")}
    known = {*variables, *single} - {"JUPYTERHUB_USER"}

    assert [name for name in sorted(known) if f"`{name}`" not in page] == []


def test_every_secret_is_on_the_page() -> None:
    page = reference("state-directory")

    assert [
        name
        for name in sorted(names_of(runtime_of(demo=True).components))
        if f"`{name}`" not in page
    ] == []
