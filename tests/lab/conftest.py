"""Fixtures: a small simulated field, the labs' environment, and labs that run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firstlight_hub.spawner import machine
from tests.lab_under_test import Lab, fake_hub
from tests.simulated import in_lab, sample, simulation, tables

__all__ = ["hub", "in_lab", "lab", "make_lab", "sample", "simulation", "tables"]


@pytest.fixture(scope="session")
def hub() -> Iterator[str]:
    """Yield the address of a fake hub."""
    with fake_hub() as address:
        yield address


@pytest.fixture
def make_lab(
    tmp_path_factory: pytest.TempPathFactory, labs_python: Path, repository: Path, hub: str
) -> Iterator[Callable[[], Lab]]:
    """Return a function that prepares a lab with an empty home; all end with the test."""
    labs: list[Lab] = []

    def make(tutorials: Path | None = None) -> Lab:
        state = Path(tempfile.mkdtemp(prefix="fl-", dir=tmp_path_factory.getbasetemp()))
        state.chmod(0o711)
        installation = machine.inspect(labs_python, state / "run" / "lab-python")
        labs.append(Lab(state, tutorials or repository / "tutorials", hub, installation))
        return labs[-1]

    yield make
    for lab in labs:
        lab.stop()


@pytest.fixture
def lab(make_lab: Callable[[], Lab]) -> Lab:
    """Return a running lab with a new home."""
    made = make_lab()
    made.start()
    return made
