"""Fixtures: a small simulated field, the labs' environment, and labs that run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firstlight_hub.spawner import machine
from tests.lab_under_test import Lab, fake_hub, fork_server
from tests.simulated import in_lab, sample, simulation, tables

__all__ = ["forks", "hub", "in_lab", "lab", "make_lab", "sample", "simulation", "tables"]


@pytest.fixture(scope="session")
def hub() -> Iterator[str]:
    """Yield the address of a fake hub."""
    with fake_hub() as address:
        yield address


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory, labs_python: Path) -> Iterator[Path]:
    """Yield the socket of a process that labs are forked from."""
    with fork_server(tmp_path_factory.mktemp("forks"), labs_python) as path:
        yield path


@pytest.fixture
def make_lab(
    tmp_path_factory: pytest.TempPathFactory,
    labs_python: Path,
    repository: Path,
    hub: str,
    forks: Path,
) -> Iterator[Callable[..., Lab]]:
    """Return a function that prepares a lab with an empty home; all end with the test."""
    labs: list[Lab] = []

    def make(tutorials: Path | None = None, *, forked: bool = True) -> Lab:
        state = Path(tempfile.mkdtemp(prefix="fl-", dir=tmp_path_factory.getbasetemp()))
        state.chmod(0o711)
        installation = machine.inspect(labs_python, state / "run" / "lab-python")
        shown = tutorials or repository / "tutorials"
        labs.append(Lab(state, shown, hub, installation, forks=forks if forked else None))
        return labs[-1]

    yield make
    for lab in labs:
        lab.stop()


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Lab:
    """Return a running lab with a new home."""
    made = make_lab()
    made.start()
    return made
