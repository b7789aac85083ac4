"""The hub's process. That its hooks run in a real hub is in ``auth/test_recheck.py``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = (sys.executable, "-m", "firstlight_hub")
CONFIG = """
async def hook(hub):
    print("the hook ran")

c.FirstLightHub.start_hooks = [hook]
"""


@pytest.mark.parametrize("option", ["--help", "--generate-certs"])
def test_no_hook_runs_unless_the_hub_serves(option: str, tmp_path: Path) -> None:
    (tmp_path / "config.py").write_text(CONFIG)
    done = subprocess.run(
        [*COMMAND, "-f", "config.py", option], cwd=tmp_path, capture_output=True, timeout=60
    )

    assert b"the hook ran" not in done.stdout + done.stderr
    assert done.returncode == 0, done.stderr
