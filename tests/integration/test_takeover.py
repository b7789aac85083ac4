"""Labs outlive the supervisor and ``firstlight up``, and the next ``firstlight up`` finds them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.integration.test_up import processes_that_know
from tests.lab_client import KernelAddress, is_ready, new_kernel, start_lab
from tests.platform_under_test import Platform, free_port, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

PERSON = "operator"


@pytest.fixture(scope="module")
def site(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Return a platform whose processes these tests may kill."""
    own = Platform(tmp_path_factory.mktemp("takeover") / "var").take_data_of(platform)
    own.start()
    yield own
    own.stop()
    assert processes_that_know(own.state_dir) == []


@pytest.fixture
def kernel(site: Platform) -> KernelAddress:
    """Return a kernel that remembers a number."""
    if not is_ready(site, PERSON):
        site.hub("POST", f"/users/{PERSON}")
        start_lab(site, PERSON)
    token = site.hub("POST", f"/users/{PERSON}/tokens", json={"expires_in": 600}).json()["token"]
    address = new_kernel(site, PERSON, token)
    with address.connected() as connection:
        connection.run("remembered = 41")
    return address


def remembers(kernel: KernelAddress) -> None:
    """Check that a kernel is still the same process with the same variables."""

    def leads_to_the_lab() -> bool:
        try:
            return requests.get(kernel.api, headers=kernel.headers, timeout=30).status_code == 200
        except requests.ConnectionError:
            return False

    wait_for(leads_to_the_lab, seconds=60, what="the lab's route")
    with kernel.connected() as connection:
        assert connection.run("print(remembered + 1)") == "42\n"


def pid_of_supervisor(site: Platform) -> int:
    return int((site.state_dir / "run" / "processes" / "supervisor").read_text().split()[0])


def is_healthy(site: Platform) -> bool:
    components = site.status_or_none()
    return bool(components) and all(one["healthy"] for one in components)


def test_a_killed_supervisor_is_replaced_and_labs_notice_nothing(
    site: Platform, kernel: KernelAddress
) -> None:
    old = pid_of_supervisor(site)
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: pid_of_supervisor(site) != old, seconds=60, what="another supervisor")
    wait_for(lambda: is_healthy(site), seconds=90, what="the components")
    remembers(kernel)
    assert site.process is not None
    assert site.process.poll() is None
    assert "the supervisor has ended unexpectedly; starting another" in site.output


@pytest.mark.parametrize("also_the_supervisor", [False, True])
def test_after_a_killed_up_the_next_takes_over_what_runs(
    site: Platform, kernel: KernelAddress, also_the_supervisor: bool
) -> None:
    ports = {one["name"]: one["port"] for one in site.runtime["components"]}
    kill_up(site, also_the_supervisor)
    site.start()  # at once: what the killed one started may still be there
    remembers(kernel)
    assert {one["name"]: one["port"] for one in site.runtime["components"]} == ports
    assert is_ready(site, PERSON)
    assert "1 lab of an earlier run goes on" in site.output
    assert not [line for line in processes_that_know(site.state_dir) if "defunct" in line]


def kill_up(site: Platform, also_the_supervisor: bool) -> None:
    assert site.process is not None
    supervisor = pid_of_supervisor(site)
    site.process.kill()
    if also_the_supervisor:
        os.kill(supervisor, signal.SIGKILL)
    site.process.wait()


def test_a_start_that_fails_leaves_the_labs_that_it_took_over(
    site: Platform, kernel: KernelAddress, tmp_path: Path
) -> None:
    kill_up(site, also_the_supervisor=True)
    broken = tmp_path / "platform.yaml"
    broken.write_text("labs: {default_size: huge}\n")
    site.config = broken
    try:
        with pytest.raises(AssertionError, match="huge"):
            site.start()
    finally:
        site.config = None
    assert "Labs are still running." in site.output
    asked = site.cli("status", check=False)
    assert "1 lab of it is still running" in asked.stderr
    site.start()
    remembers(kernel)


def test_stop_ends_what_a_killed_up_left(site: Platform, kernel: KernelAddress) -> None:
    kill_up(site, also_the_supervisor=False)
    assert site.cli("stop").stdout == "stopped\n"
    assert processes_that_know(site.state_dir) == []
    assert site.cli("stop", check=False).returncode == 1
    site.start()
    assert not is_ready(site, PERSON)


def test_another_up_is_refused_and_names_the_process(site: Platform) -> None:
    assert site.process is not None
    other = site.cli("up", "--port", str(free_port()), check=False)
    assert other.returncode == 1
    assert f"(process {site.process.pid}), at {site.url}" in other.stderr


@pytest.mark.parametrize("moment", ["Making the sample data", "coadds of"])
def test_an_up_killed_while_it_makes_sample_data_leaves_no_process_and_nothing_half_made(
    tmp_path: Path, moment: str
) -> None:
    made = Platform(tmp_path / "state")
    process = made.run_in_background()
    wait_for(lambda: moment in made.output, seconds=120, what="the sample data to be under way")
    refused = made.cli("up", "--port", str(free_port()), check=False)
    assert f"(process {process.pid})" in refused.stderr
    process.kill()
    assert made.stop() == -signal.SIGKILL  # it is gone; this closes its log
    wait_for(lambda: processes_that_know(made.state_dir) == [], what="its processes to end")
    assert not list(made.state_dir.rglob(".making-*"))


def test_what_a_killed_maker_left_is_removed(
    platform: Platform, labs_python: Path, tmp_path: Path
) -> None:
    out = tmp_path / "sample"
    shutil.copytree(platform.state_dir / "data" / "sample", out)
    (out / "catalog" / "object.parquet").unlink()
    (out / ".sampledata.json").unlink()
    command = [labs_python, "-m", "firstlight_sampledata", "--quick", "--out", out]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as maker:
        wait_for(lambda: list(out.rglob(".making-*")), seconds=60, what="a product to be made")
        maker.kill()
    assert list(out.rglob(".making-*"))
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    assert not list(out.rglob(".making-*"))
    assert time.time() - (out / "catalog" / "object.parquet").stat().st_mtime < 120
