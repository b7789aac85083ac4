"""The inventory sees what could be left of a lab, and says so in sentences."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from firstlight_common import groups
from tests.inventory import assert_nothing_is_left, processes_of, take_inventory
from tests.waiting import wait_for

SLEEP = "import time; print('here', flush=True); time.sleep(600)"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "var"
    for name in ("run/processes", "run/labs", "hub"):
        (folder / name).mkdir(parents=True)
    with closing(sqlite3.connect(folder / "hub" / "jupyterhub.sqlite")) as database:
        database.executescript(
            "CREATE TABLE users (id INTEGER, name TEXT); INSERT INTO users VALUES (1, 'vera');"
            "CREATE TABLE services (id INTEGER, name TEXT);"
            "CREATE TABLE api_tokens (user_id INTEGER, service_id INTEGER, note TEXT);"
            "CREATE TABLE oauth_clients (identifier TEXT);"
            "CREATE TABLE oauth_codes (client_id TEXT);"
            "CREATE TABLE servers (base_url TEXT);"
        )
    return folder


@contextmanager
def running(*command: str) -> Iterator[int]:
    """Run a command that prints a line, until the end of the block."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline()
            yield process.pid
        finally:
            process.kill()


def test_a_process_that_knows_the_state_directory_is_left_and_so_is_its_child(state: Path) -> None:
    before = take_inventory(state)
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEP!r}])"
    with running(sys.executable, "-c", child, str(state)):
        left = take_inventory(state).left_since(before)
        assert len(left) == 2, left
        assert left[0].startswith("A process is left: python (")
        assert left[0].endswith("(0 before, 1 now).")
        with pytest.raises(AssertionError, match="A process is left"):
            assert_nothing_is_left(state, before, seconds=0.1)
        for process in processes_of(state):
            os.kill(process.pid, 9)
    assert_nothing_is_left(state, before)


def test_a_component_that_opens_more_or_ends_is_noticed(state: Path) -> None:
    with running(sys.executable, "-c", SLEEP, str(state)) as pid:
        (state / "run" / "processes" / "hub").write_text(f"{pid} 1\n")
        alone = take_inventory(state)
    opens = f"import socket; one = socket.create_server(('127.0.0.1', 0)); {SLEEP}"
    with running(sys.executable, "-c", opens, str(state)) as pid:
        (state / "run" / "processes" / "hub").write_text(f"{pid} 1\n")
        now = take_inventory(state)
    wanted = "A descriptor is left: hub: tcp socket that listens (0 before, 1 now)."
    assert now.left_since(alone) == [wanted]
    assert alone.gone_since(alone) == []
    assert take_inventory(state).gone_since(alone) == [
        "A process is missing: hub (1 before, 0 now)."
    ]


def test_tokens_servers_and_files_are_noticed(state: Path) -> None:
    before = take_inventory(state)
    (state / "run" / "labs" / "vera.json").write_text("{}")
    with closing(sqlite3.connect(state / "hub" / "jupyterhub.sqlite")) as database:
        database.execute("INSERT INTO api_tokens VALUES (1, NULL, 'Server at /x/')")
        database.execute("INSERT INTO servers VALUES ('/x/')")
        database.commit()
    assert take_inventory(state).left_since(before) == [
        "A token is left: server at /x/ (0 before, 1 now).",
        "A token is left: token of vera: Server at /x/ (0 before, 1 now).",
        "A file is left: labs/vera.json (0 before, 1 now).",
    ]


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None, reason="only root makes namespaces"
)
def test_namespaces_and_their_mounts_are_noticed(state: Path) -> None:
    before = take_inventory(state)
    with running("unshare", "--net", "--mount", sys.executable, "-c", SLEEP, str(state)):
        left = take_inventory(state).left_since(before)
    assert "A namespace is left: net (0 before, 1 now)." in left
    assert "A namespace is left: mnt (0 before, 1 now)." in left
    assert [line for line in left if "proc in a view" in line]


@pytest.mark.skipif(
    os.geteuid() != 0 or not os.access(groups.ROOT / "cpu" / "cpu.shares", os.W_OK),
    reason="this machine has no version 1 that we may write to",
)
def test_control_groups_are_noticed(state: Path) -> None:
    before = take_inventory(state)
    name = groups.name_of_platform(state)
    lab = groups.ROOT / "cpu" / name / groups.LABS / "vera"
    lab.mkdir(parents=True)
    try:
        left = take_inventory(state).left_since(before)
    finally:
        groups.remove(state)
    assert f"A group is left: cpu/{name}/labs/vera (0 before, 1 now)." in left
    wait_for(lambda: not lab.exists(), what="the group's end")
    assert take_inventory(state).left_since(before) == []
