from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from firstlight_cli.cli import command

ANALYZE = shutil.which("systemd-analyze")


def unit_of(*options: str) -> str:
    done = CliRunner().invoke(command, ["systemd-unit", *options])
    assert done.exit_code == 0, done.output
    return done.output


def test_labs_outlive_a_platform_that_fails_and_it_starts_on_boot() -> None:
    lines = unit_of().splitlines()
    assert {
        "KillMode=process",
        "Restart=on-failure",
        "OOMPolicy=continue",
        "WantedBy=multi-user.target",
    } <= set(lines)


def test_it_starts_this_installation_by_the_link_that_survives_upgrades(
    repository: Path, tmp_path: Path
) -> None:
    text = unit_of("--port", "8123", "--state-dir", str(tmp_path), "--bind", "127.0.0.1", "--demo")
    start = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    program, *words = start.removeprefix("ExecStart=").split()
    assert Path(program) == repository / ".venv" / "bin" / "firstlight"
    assert Path(program).exists()
    expected = f"up --port 8123 --state-dir {tmp_path} --demo --bind 127.0.0.1"
    assert words == expected.split()
    # The options are understood.
    assert CliRunner().invoke(command, [*words, "--help"]).exit_code == 0


@pytest.mark.skipif(ANALYZE is None, reason="this machine has no systemd-analyze")
@pytest.mark.parametrize("folder", ["plain", "with a blank", "100%h", 'a"quote', "semi;colon"])
def test_systemd_finds_nothing_wrong_with_it(tmp_path: Path, folder: str) -> None:
    state_dir = tmp_path / folder / "var"
    file = tmp_path / "firstlight.service"
    file.write_text(unit_of("--state-dir", str(state_dir), "--config", str(state_dir / "p.yaml")))
    done = subprocess.run(
        [str(ANALYZE), "verify", file], capture_output=True, text=True, check=False, timeout=60
    )
    # It exits with 0 also when it has ignored a setting that it does not know.
    ours = [line for line in done.stderr.splitlines() if "firstlight" in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.skipif(ANALYZE is None, reason="this machine has no systemd-analyze")
def test_the_check_finds_a_setting_that_systemd_does_not_know(tmp_path: Path) -> None:
    file = tmp_path / "firstlight.service"
    file.write_text(unit_of().replace("KillMode=process", "KillMode=labs"))
    done = subprocess.run(
        [str(ANALYZE), "verify", file], capture_output=True, text=True, check=False, timeout=60
    )
    assert "firstlight.service" in done.stderr
