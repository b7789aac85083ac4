from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from firstlight_hub.spawner.interpreter import LabsPython, install_interpreter

LABS = LabsPython(
    prefix=Path(sys.prefix),
    base=Path(sys._base_executable),  # type: ignore[attr-defined]
    version=f"{sys.version_info[0]}.{sys.version_info[1]}",
)


@pytest.fixture
def private() -> Iterator[None]:
    """Have the file mode mask of the hub, which keeps others out."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture
def folder(tmp_path: Path, private: None) -> Path:
    install_interpreter(tmp_path / "run" / "lab-python", LABS)
    return tmp_path / "run" / "lab-python"


def test_every_lab_can_read_it_and_nobody_can_install_into_it(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            assert path.stat().st_mode & 0o555 >= 0o444, path
            assert not path.stat().st_mode & 0o022, path
            assert not path.is_dir() or path.stat().st_mode & 0o111 == 0o111, path
    (packages,) = folder.glob("lib/*/site-packages")
    assert packages.stat().st_mode & 0o777 == 0o555


def test_doing_it_again_changes_nothing(folder: Path) -> None:
    before = {path: path.lstat().st_ino for path in folder.rglob("*")}
    install_interpreter(folder, LABS)

    assert {path: path.lstat().st_ino for path in folder.rglob("*")} == before


def test_it_has_the_labs_packages_after_the_user_site_and_not_the_machines(
    folder: Path, tmp_path: Path
) -> None:
    own = tmp_path / "home" / ".local" / "lib" / f"python{LABS.version}" / "site-packages"
    own.mkdir(parents=True)
    said = subprocess.run(
        [folder / "bin" / "python", "-c", "import json, sys; print(json.dumps(sys.path))"],
        env={"HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    packages = [path for path in json.loads(said) if path.endswith("-packages")]

    assert packages[1:] == [str(own), f"{sys.prefix}/lib/python{LABS.version}/site-packages"]


def test_headers_and_standard_library_are_found(folder: Path) -> None:
    code = "import sysconfig as s; print(s.get_path('include'), s.get_path('stdlib'))"
    said = subprocess.run(
        [folder / "bin" / "python", "-c", code], capture_output=True, text=True, check=True
    ).stdout

    assert Path(said.split()[0], "Python.h").exists() or not Path(said.split()[0]).exists()
    assert Path(said.split()[1], "os.py").exists()
