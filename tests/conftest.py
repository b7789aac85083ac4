"""What every test may use: where the repository is, and a running platform."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from firstlight_common.runtime import sample_folder
from tests.lab_client import stop_lab
from tests.platform_under_test import Platform

# How long an example takes says more about the machine than about the code.
settings.register_profile("firstlight", deadline=None)
settings.load_profile("firstlight")

#: Root becomes an ordinary user without any capability in a user namespace of its own.
AS_ORDINARY = (
    ("unshare", "--user", "--map-user=1000", "--map-group=1000") if os.geteuid() == 0 else ()
)
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
def sample_data(labs_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the sample data, once for all workers."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    made = folder / "sample-data"
    with (folder / "sample-data.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        maker = [labs_python, "-m", "firstlight_sampledata", "--out", made]
        subprocess.run(maker, check=True, capture_output=True, timeout=280)
    return made


@pytest.fixture(scope="session")
def shared_platform(
    sample_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    """Start the whole platform in demo mode, once for each worker that needs it."""
    folder = tmp_path_factory.mktemp("platform")
    config = folder / "platform.yaml"
    config.write_text(
        "site: {name: Test Observatory, contact: help@observatory.example}\n"
        "identity: {refresh: 3s, outage_grace: 1h}\n"
        "services: {token_cache: 1s}\n"
    )
    running = Platform(folder / "var", config=config, demo=True)
    shutil.copytree(sample_data, sample_folder(running.state_dir))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def platform(shared_platform: Platform) -> Platform:
    """Return the shared platform as each file finds it: no lab runs, and GitHub answers."""
    shared_platform.control_github(clear=True)
    for person in shared_platform.hub("GET", "/users").json():
        if person["servers"]:
            stop_lab(shared_platform, person["name"])
    return shared_platform


@pytest.fixture(scope="session")
def ordinary_platform(
    sample_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    """Start a platform as an ordinary user, once for each worker that needs it."""
    tried = subprocess.run([*AS_ORDINARY, "id", "-u"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"this machine gives no user namespace: {tried.stderr.strip()}")
    assert tried.stdout.strip() != "0"
    site = Platform(tmp_path_factory.mktemp("ordinary") / "var", demo=True, prefix=AS_ORDINARY)
    shutil.copytree(sample_data, sample_folder(site.state_dir))
    site.start()
    yield site
    assert site.stop() == 0


@pytest.fixture
def one_at_a_time(platform: Platform, tmp_path: Path) -> Iterator[Platform]:
    """Start a site on which one lab starts at a time."""
    config = tmp_path / "platform.yaml"
    config.write_text(
        "spawner: {concurrent_starts: 1}\n"
        "services: {tap: {enabled: false}, butler: {enabled: false}}\n"
    )
    site = Platform(tmp_path / "var", config, demo=True).take_data_of(platform)
    site.start()
    try:
        yield site
    finally:
        site.stop()


@pytest.fixture
def limits(platform: Platform) -> None:
    """Skip where this machine limits neither memory nor processes."""
    enforced = {item["name"]: item["enforced"] for item in platform.status()["isolation"]}
    if not enforced["Memory limit"] or not enforced["Process limit"]:
        pytest.skip("this machine does not let us limit labs")
