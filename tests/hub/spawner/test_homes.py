from __future__ import annotations

import os
from pathlib import Path

import pytest

from firstlight_hub.spawner.homes import (
    create_runtime,
    ensure_home,
    remove_runtime,
    runtimes,
    write_private_files,
)
from firstlight_hub.spawner.models import EtcFile

OWNER = (123_456, 123_456) if os.geteuid() == 0 else None


def test_a_home_is_its_owners_alone(tmp_path: Path) -> None:
    home, new = ensure_home(tmp_path / "homes", "vera", OWNER)

    assert new
    assert home.stat().st_mode & 0o777 == 0o700
    assert home.parent.stat().st_mode & 0o777 == 0o711
    assert home.stat().st_uid == (OWNER[0] if OWNER else os.geteuid())


def test_a_home_that_is_there_is_kept(tmp_path: Path) -> None:
    home, _ = ensure_home(tmp_path / "homes", "vera", OWNER)
    (home / "paper.ipynb").write_text("mine")

    assert ensure_home(tmp_path / "homes", "vera", OWNER) == (home, False)
    assert (home / "paper.ipynb").read_text() == "mine"


def test_a_home_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "homes").mkdir()
    (tmp_path / "homes" / "vera").symlink_to(tmp_path)

    with pytest.raises(FileExistsError):
        ensure_home(tmp_path / "homes", "vera", OWNER)


def test_private_files_are_written_anew_and_only_for_their_owner(tmp_path: Path) -> None:
    folder = tmp_path / "nublado" / "vera"
    write_private_files(folder, {"secrets/token": EtcFile("old", 0o400)}, OWNER)
    (folder / "left-over").write_text("x")
    write_private_files(folder, {"secrets/token": EtcFile("new", 0o400)}, OWNER)

    assert (folder / "secrets" / "token").read_text() == "new"
    assert (folder / "secrets" / "token").stat().st_mode & 0o777 == 0o400
    assert folder.stat().st_mode & 0o777 == 0o700
    assert not (folder / "left-over").exists()


def test_directories_for_sockets_are_found_by_whose_they_are(tmp_path: Path) -> None:
    made = create_runtime(tmp_path, "vera", OWNER)
    other = create_runtime(tmp_path, "theo", OWNER)
    try:
        assert Path(made).stat().st_mode & 0o777 == 0o700
        assert runtimes(tmp_path, "vera") == [made]
        longest = f"{made}/kernel-{'0' * 36}-ipc-5"
        assert len(longest) <= 107
    finally:
        remove_runtime(made)
        remove_runtime(other)
    assert runtimes(tmp_path, "vera") == runtimes(tmp_path, "theo") == []
