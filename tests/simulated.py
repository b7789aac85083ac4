"""Fixtures for tests of labs and sample data: a small simulated field, and programs in a lab."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from firstlight_lab.env import lab_environment
from firstlight_sampledata.catalogs import Columns, measured_tables
from firstlight_sampledata.field import Field
from firstlight_sampledata.match import truth_match
from firstlight_sampledata.simulate import Simulation, simulate

FIELD = Field(side=640, detector_side=320, stars=220, showpieces=False)
"""Small, with more stars than usual: measurements are compared with them."""
SEED = 20260

RunInLab = Callable[..., str]


@pytest.fixture(scope="session")
def simulation() -> Simulation:
    return simulate(FIELD, SEED, lambda _: None)


@pytest.fixture(scope="session")
def tables(simulation: Simulation) -> dict[str, Columns]:
    return {**measured_tables(simulation), "truth_match": truth_match(simulation)}


@pytest.fixture(scope="session")
def in_lab(labs_python: Path, tmp_path_factory: pytest.TempPathFactory) -> RunInLab:
    """Return a function that runs a program in the labs' environment and returns its output."""
    home = tmp_path_factory.mktemp("home")

    def run(program: str, **variables: str) -> str:
        done = subprocess.run(
            [labs_python, "-c", program],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(home),
                "MPLBACKEND": "agg",
                **lab_environment(),
                **variables,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def sample(labs_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with sample data of a small field, made as by the platform."""
    out = tmp_path_factory.mktemp("sample")
    make_sample(labs_python, out)
    return out


def make_sample(labs_python: Path, out: Path) -> str:
    command = [labs_python, "-m", "firstlight_sampledata", "--quick", "--out", out]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=True)
    return done.stderr
