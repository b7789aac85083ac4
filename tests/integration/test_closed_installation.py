"""With isolation off, labs under their own accounts see the machine's files as these are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from firstlight_cli.paths import Installation
from firstlight_hub.spawner.machine import closed_directories
from tests.integration.test_busy_machine import make_person
from tests.platform_under_test import Platform, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's labs have accounts of their own")
def test_a_lab_whose_account_may_not_read_its_software_says_so(tmp_path: Path) -> None:
    closed = closed_directories((Installation.find().labs_python.resolve(),))
    if not closed:
        pytest.skip("all accounts may read the labs' Python here")
    config = tmp_path / "platform.yaml"
    config.write_text(
        "spawner: {isolation: off}\n"
        "datasets: []\nservices: {tap: {enabled: false}, butler: {enabled: false}}\n"
    )
    site = Platform(tmp_path / "var", config)
    site.start()
    try:
        make_person(site, "somebody")
        site.hub("POST", "/users/somebody/server", json={"size": "small"})
        log = site.state_dir / "logs" / "hub.log"
        wait_for(
            lambda: f"other accounts may not enter {min(closed)}" in log.read_text(),
            what="the reason in the hub's log",
        )
    finally:
        site.stop()
