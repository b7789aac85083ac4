from __future__ import annotations

import os
from pathlib import Path

import pytest

from firstlight_cli.errors import OperatorError
from firstlight_cli.paths import State, write_private
from firstlight_cli.secrets import ensure_secrets, read_secret
from firstlight_common.runtime import Runtime


def test_secrets_are_their_owners_alone_and_stay(state: State, runtime: Runtime) -> None:
    before = {path.name: path.read_text() for path in state.secrets.iterdir()}
    ensure_secrets(state, runtime)
    assert {path.name: path.read_text() for path in state.secrets.iterdir()} == before
    assert state.secrets.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in state.secrets.iterdir()} == {0o600}


def test_an_emptied_secret_is_made_again(state: State, runtime: Runtime) -> None:
    (state.secrets / "crypt_key").write_text("")
    ensure_secrets(state, runtime)
    assert len(bytes.fromhex(read_secret(state, "crypt_key"))) == 32


def test_a_missing_platform_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="no platform that you may operate"):
        read_secret(State(tmp_path), "service_operator")


def test_the_socket_of_a_deep_state_directory_is_short_enough_to_bind(tmp_path: Path) -> None:
    deep = State(tmp_path / ("x" * 60) / ("y" * 60))
    path = deep.supervisor_socket
    assert len(os.fsencode(path)) < 96
    assert not path.parent.exists()  # nobody has to clean up after a command that only asks
    deep.make_room_for_socket()
    try:
        assert path.parent.stat().st_mode & 0o077 == 0
        path.touch()
        path.with_name(f"{path.name}.123").touch()
    finally:
        deep.remove_socket()
    assert not path.parent.exists()
    deep.remove_socket()


def test_a_directory_for_the_socket_that_is_a_link_is_refused(tmp_path: Path) -> None:
    deep = State(tmp_path / ("x" * 60) / ("y" * 60))
    folder = deep.supervisor_socket.parent
    folder.symlink_to(tmp_path)
    try:
        with pytest.raises(OperatorError, match="belongs to another user"):
            deep.make_room_for_socket()
    finally:
        folder.unlink()


def test_a_private_file_is_written_whole_and_closed_to_others(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")
    target.chmod(0o644)
    write_private(target, "new")
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [target]


def test_a_state_directory_that_cannot_be_made_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OperatorError, match="cannot be created"):
        State(tmp_path / "file" / "var").make()


def test_a_state_directory_that_is_there_is_not_said_to_be_missing(tmp_path: Path) -> None:
    (tmp_path / "homes").write_text("")
    with pytest.raises(OperatorError, match=r"cannot be used: File exists \(.*homes\)"):
        State(tmp_path).make()
