"""How the data services describe themselves to the platform."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from firstlight_common.components import ENTRY_POINTS, Component

NAMES = ("butler", "portal", "tap")


def _load(name: str) -> Component:
    (point,) = entry_points(group=ENTRY_POINTS, name=name)
    component = point.load()
    assert isinstance(component, Component)
    return component


@pytest.mark.parametrize("name", NAMES)
def test_a_service_is_found_by_its_name(name: str) -> None:
    component = _load(name)

    assert component.name == name
    assert component.command[:3] == ("{python}", "-m", f"firstlight_services.{name}")
    assert component.settings is not None
    assert component.settings().model_dump()["enabled"] is True


@pytest.mark.parametrize("name", NAMES)
def test_a_description_loads_neither_server_nor_engine(name: str) -> None:
    """The hub loads it, with the libraries of the hub only."""
    program = (
        f"import sys, firstlight_services.{name}.component;"
        "print(*(name for name in sys.modules if name.startswith('firstlight_services.')));"
        "print(*({'tornado', 'jupyterhub', 'duckdb', 'jinja2', 'lsst', 'astropy'} & {*sys.modules}))"
    )
    ours, frameworks = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout.split("\n")[:2]

    package = f"firstlight_services.{name}"
    assert set(ours.split()) == {package, f"{package}.component", f"{package}.settings"}
    assert frameworks == ""
