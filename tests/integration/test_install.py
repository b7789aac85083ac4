"""The real installer, killed again and again, ends with the same files as one that was not."""

from __future__ import annotations

import csv
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.platform_under_test import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

KILLS = 8


def checkout(repository: Path, target: Path) -> Path:
    """Copy the files of the checkout that git knows."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=repository,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        source = repository / name
        if name and source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)
    return target


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [folder / "scripts" / "bootstrap.sh"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "NO_COLOR": "1"},
    )


def recorded(environment: Path) -> dict[str, dict[str, str]]:
    """Return each package's files with their hashes, as its RECORD has them.

    Programs have none here: their first line names the folder that they are in.
    """
    found = {}
    for record in environment.glob("lib/python*/site-packages/*.dist-info/RECORD"):
        with record.open(newline="") as file:
            found[record.parent.name] = {
                row[0]: "" if row[0].startswith("../../../bin/") else row[1]
                for row in csv.reader(file)
                if not row[0].endswith(".pyc")
            }
    return found


def missing(environment: Path) -> list[str]:
    """Return the recorded files that do not exist."""
    folder = next(environment.glob("lib/python*/site-packages"))
    return [
        name
        for files in recorded(environment).values()
        for name in files
        if not (folder / name).exists()
    ]


@pytest.mark.skipif(shutil.which("git") is None, reason="git lists the files of the checkout")
def test_however_often_it_is_killed_the_environments_are_whole(
    repository: Path, tmp_path: Path
) -> None:
    folder = checkout(repository, tmp_path / "checkout")
    chance = random.Random(9)
    for _ in range(KILLS):
        process = start(folder)
        end = time.monotonic() + chance.uniform(0.2, 8)
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        # The whole group or the script alone, as Ctrl-C's stronger sister or the kernel would.
        if chance.random() < 0.5:
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        for name in (".venv", ".venv-labs"):
            if (folder / name).exists():
                assert missing(folder / name) == []
    process = start(folder)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said.decode()
    for name in (".venv", ".venv-labs"):
        assert missing(folder / name) == []
        ours, theirs = recorded(folder / name), recorded(repository / name)
        assert set(ours) == set(theirs)
        for package, files in theirs.items():
            # Our own packages' records name the folder that they are in.
            if not package.startswith("firstlight"):
                assert ours[package] == files, package
        # Labs import these under accounts that cannot write bytecode.
        for source in folder.glob(f"{name}/lib/python*/site-packages/pydantic/*.py"):
            assert list(source.parent.glob(f"__pycache__/{source.stem}.cpython-*.pyc")), source
    program = folder / ".venv" / "bin" / "firstlight"
    wait_for(program.exists, what="the command")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("firstlight")
