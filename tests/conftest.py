"""What every test may use: where the repository is, and a running platform."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.platform_under_test import Platform

# How long an example takes says more about the machine than about the code.
settings.register_profile("firstlight", deadline=None)
settings.load_profile("firstlight")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """Return the checkout's top folder."""
    return REPOSITORY


@pytest.fixture(scope="session")
def labs_python(repository: Path) -> Path:
    """Return the interpreter of the labs' environment."""
    python = repository / ".venv-labs" / "bin" / "python"
    assert python.exists(), "the labs' environment is missing: run `make environments`"
    return python


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Start the whole platform in demo mode, once for all tests that need it."""
    folder = tmp_path_factory.mktemp("platform")
    config = folder / "platform.yaml"
    config.write_text(
        "site: {name: Test Observatory, contact: help@observatory.example}\n"
        "identity: {refresh: 3s, outage_grace: 1h}\n"
        "services: {token_cache: 1s}\n"
    )
    running = Platform(folder / "var", config=config, demo=True)
    running.start()
    yield running
    running.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep all tests of the shared platform in one worker, so that it is started once."""
    for item in items:
        if "platform" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("platform"))
