"""``firstlight up`` as an operator knows it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import requests

from tests.lab_client import start_lab
from tests.platform_under_test import Platform, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


def processes_that_know(state_dir: Path) -> list[str]:
    """Return the command lines of live processes that name the state directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                environment = (entry / "environ").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(state_dir) in line or str(state_dir) in environment:
                found.append(line)
    return found


def test_status_knows_each_part(platform: Platform) -> None:
    status = platform.status()
    names = {part["name"] for part in status["components"]}
    assert {"proxy", "hub", "tap", "butler", "portal"} <= names
    assert all(part["healthy"] for part in status["components"])
    assert status["url"].startswith(platform.url)


def test_doctor_finds_nothing_wrong_with_a_running_platform(platform: Platform) -> None:
    done = platform.cli("doctor", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_empty_configuration_is_a_working_platform_beside_another_and_ctrl_c_leaves_nothing(
    platform: Platform, tmp_path: Path
) -> None:
    config = tmp_path / "platform.yaml"
    config.write_text("")
    second = Platform(tmp_path / "state", config=config).take_data_of(platform)
    second.start()
    try:
        assert requests.get(second.url, timeout=10).status_code == 200
        assert requests.get(platform.url, timeout=10).status_code == 200
        login = requests.get(f"{second.url}/nb/hub/login", timeout=10)
        assert "link" in login.text
        created = second.hub("POST", "/users/operator")
        assert created.status_code in {201, 409}
        start_lab(second, "operator")
        assert list((second.state_dir / "run" / "labs").glob("*.json"))
    finally:
        code = second.stop()
    assert code in {0, 130}
    assert processes_that_know(second.state_dir) == []
    assert requests.get(platform.url, timeout=10).status_code == 200


def test_ctrl_c_while_the_sample_data_are_made_leaves_nothing_half_done(tmp_path: Path) -> None:
    site = Platform(tmp_path / "state")
    with pytest.raises(AssertionError, match="did not come up"):
        site.start(seconds=0)  # presses Ctrl-C at once
    assert "Traceback" not in site.output
    assert processes_that_know(site.state_dir) == []
    site.log_file.write_text("")
    process = site.run_in_background()
    wait_for(lambda: "coadds of" in site.output, what="the sample data to be under way")
    assert site.stop() in {0, 130}
    assert process.returncode is not None
    assert "the next start will make" in site.output
    assert "Traceback" not in site.output
    assert processes_that_know(site.state_dir) == []
    assert not list(site.state_dir.rglob(".making-*"))
