"""The process that labs are forked from, against clients that do not keep to its protocol."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight_common.sockets import connect
from firstlight_hub.spawner import fork_server, machine, processes
from firstlight_hub.spawner.fork_client import server_pid
from firstlight_hub.spawner.fork_server import ProtocolError, read_request
from firstlight_hub.spawner.models import LabSpec, Namespaces, Network
from firstlight_hub.spawner.start_parent import ForkError, ProcessStartError, fork_process
from tests.waiting import wait_for

#: A module to import before: a lab here is a program of the standard library.
PRELOAD = "def prepare():\n    import json\n\n\ndef begin():\n    pass\n"
#: What a lab here runs: it says who it is, and stays.
LAB = "import os, time\nprint('lab', os.getpid(), os.getsid(0), flush=True)\ntime.sleep(600)\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the server in a directory that is on its path."""
    (tmp_path / "preloaded.py").write_text(PRELOAD)
    (tmp_path / "a_lab.py").write_text(LAB)
    # Python's own variables do not reach it, so the modules come by a path file of its own.
    start = (
        f"import sys, runpy; sys.path.insert(1, {str(tmp_path)!r});"
        f"sys.argv = [{fork_server.__file__!r}, {str(tmp_path / 'run' / 'socket')!r}, 'preloaded'];"
        f"sys.path.insert(0, {str(Path(fork_server.__file__).parent)!r});"
        f"runpy.run_path({fork_server.__file__!r}, run_name='__main__')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", start], env={"PATH": os.environ["PATH"]}, stderr=subprocess.PIPE
    )
    try:
        wait_for((tmp_path / "run" / "socket").exists, what="the server")
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def path(server: subprocess.Popen[bytes], tmp_path: Path) -> Path:
    return tmp_path / "run" / "socket"


def specification(*command: str) -> LabSpec:
    return LabSpec(
        command=command or (sys.executable, "-I", "-m", "a_lab"),
        environment={"PATH": os.environ["PATH"], "COLOUR": "blue"},
        directory="/",
        owner=(os.geteuid(), os.getegid()),
        account=False,
        processes=0,
        namespaces="",
    )


BEHIND_WALLS = """
import json, os, time
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
found = {"capabilities": int(status["CapPrm"], 16) | int(status["CapEff"], 16)}
found["descriptors"] = [os.readlink(f"/proc/self/fd/{name}") for name in ("0", "1", "2")]
found["others"] = [name for name in os.listdir("/proc/self/fd") if int(name) > 2]
found["network"] = os.readlink("/proc/self/ns/net")
found["processes"] = [name for name in os.listdir("/proc") if name.isdigit()]
print(json.dumps(found), flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("kind", ["root", "user"])
@pytest.mark.parametrize("network", [None, Network()])
def test_a_forked_lab_keeps_no_privileges_and_no_descriptors(
    server: subprocess.Popen[bytes],
    path: Path,
    tmp_path: Path,
    kind: Namespaces,
    network: Network | None,
) -> None:
    can = machine.probe()
    if not can.namespaces or (kind == "root" and not can.accounts):
        pytest.skip(f"no such namespaces here: {can.reasons.get('namespaces')}")
    if network and not can.network:
        pytest.skip(f"no such networks here: {can.reasons.get('network')}")
    (tmp_path / "a_lab.py").write_text(BEHIND_WALLS)
    lab = fork_process(path, tmp_path / "lab.log")
    # Not under another account, to which the tests' interpreter may be closed.
    asyncio.run(lab.become(replace(specification(), namespaces=kind, network=network)))
    log = tmp_path / "lab.log"
    wait_for(lambda: log.exists() and log.read_text().endswith("\n"), what="the lab")
    found = json.loads(log.read_text())
    processes.kill(processes.family(lab.pid, ()))
    wait_for(lambda: lab.ended() is not None, what="its end")
    lab.wait_for_log(60)

    assert found["capabilities"] == 0
    assert found["descriptors"][0] == "/dev/null"
    assert all(name.startswith("pipe:") for name in found["descriptors"][1:])
    assert len(found["others"]) == 1  # that of the listing itself
    assert len(found["processes"]) == 2  # the first is that of the namespace
    machines = os.readlink("/proc/self/ns/net")  # noqa: PTH115
    assert (found["network"] == machines) == (network is None)


@given(st.binary(max_size=200), st.lists(st.integers(0, 9), max_size=3))
def test_whatever_arrives_is_a_request_or_refused(line: bytes, descriptors: list[int]) -> None:
    with suppress(ProtocolError):
        found = read_request(line, descriptors)
        assert found["kind"] in {"lab", "log"}
        assert len(descriptors) == 1


@given(st.sampled_from(["lab", "log"]), st.text().filter(lambda text: "\0" not in text))
def test_what_a_client_writes_is_what_the_server_reads(kind: str, log: str) -> None:
    line = json.dumps({"kind": kind, "log": log}).encode() + b"\n"
    assert read_request(line, [3]) == {"kind": kind, "log": log}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=5,
    )
)
def test_json_of_any_other_shape_is_refused(value: object) -> None:
    with pytest.raises(ProtocolError):
        read_request(json.dumps(value).encode() + b"\n", [3])


def test_a_lab_outlives_the_server_and_its_end_is_noticed(
    server: subprocess.Popen[bytes], path: Path, tmp_path: Path
) -> None:
    lab = fork_process(path, tmp_path / "lab.log")
    assert lab.ended() is None
    asyncio.run(lab.become(specification()))
    log = tmp_path / "lab.log"
    wait_for(lambda: log.exists() and log.read_text().endswith("\n"), what="the lab")
    assert log.read_text().split() == ["lab", str(lab.pid), str(lab.pid)]
    server.kill()
    server.wait()
    assert lab.ended() is None
    os.kill(lab.pid, signal.SIGKILL)
    wait_for(lambda: lab.ended() is not None, what="its end")
    lab.wait_for_log(60)


def test_a_child_that_ended_is_reaped(
    server: subprocess.Popen[bytes], path: Path, tmp_path: Path
) -> None:
    lab = fork_process(path, tmp_path / "lab.log")
    lab.give_up()
    wait_for(lambda: not Path(f"/proc/{lab.pid}").exists(), what="the child to be reaped")


@pytest.mark.parametrize(
    ("message", "descriptors"),
    [
        (b"", 0),
        (b"\n", 1),
        (b'{"kind": "lab", "log": "x"}\n', 0),
        (b'{"kind": "lab", "log": "x"}\n', 2),
        (b'{"kind": "shell", "log": "x"}\n', 1),
        (b'{"kind": "lab", "log": "x"}', 1),
        (b"x" * 10_000 + b"\n", 1),
        (b"[" * 4000 + b"\n", 1),
        (b'{"kind": "log", "log": "/nowhere/x"}\n', 1),
    ],
)
def test_a_forged_message_is_refused_and_others_are_served(
    path: Path, tmp_path: Path, message: bytes, descriptors: int
) -> None:
    with connect(path, seconds=30) as connection, Path(os.devnull).open() as null:
        if descriptors:
            with suppress(BrokenPipeError):
                socket.send_fds(connection, [message], [null.fileno()] * descriptors)
        elif message:
            connection.sendall(message)
        connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            while connection.recv(4096):
                pass
    lab = fork_process(path, tmp_path / "lab.log")
    assert lab.pid
    lab.give_up()


def test_a_client_that_says_nothing_keeps_nobody_waiting(path: Path, tmp_path: Path) -> None:
    with connect(path, seconds=30), connect(path, seconds=30):
        fork_process(path, tmp_path / "lab.log").give_up()


def test_only_a_module_of_the_same_interpreter_can_be_forked(path: Path, tmp_path: Path) -> None:
    lab = fork_process(path, tmp_path / "lab.log")
    with pytest.raises(ProcessStartError, match="can be forked"):
        asyncio.run(lab.become(specification("/bin/sh", "-c", "true")))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_another_account_is_not_served_even_if_it_reaches_the_socket(path: Path) -> None:
    path.parent.chmod(0o755)
    path.chmod(0o666)
    child = os.fork()
    if child == 0:  # it cannot become another program: this interpreter may be closed to others
        try:
            os.chdir(path.parent)
            os.setgroups([])
            os.setresuid(65_534, 65_534, 65_534)
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(60)
                connection.connect(path.name)
                request = b'{"kind": "lab", "log": "x"}\n'
                socket.send_fds(connection, [request], [connection.fileno()])
                os._exit(0 if connection.recv(100) == b"" else 1)
        except ConnectionError:
            os._exit(0)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def stack_of(pid: int) -> str:
    """Return where a process has its stack."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return next(line.split()[0] for line in lines if line.endswith("[stack]"))


def test_a_new_generation_has_new_addresses_and_labs_of_the_old_one_go_on(
    server: subprocess.Popen[bytes], path: Path, tmp_path: Path
) -> None:
    old = fork_process(path, tmp_path / "old.log")
    asyncio.run(old.become(specification()))
    before = stack_of(server.pid)
    os.kill(server_pid(path), signal.SIGHUP)
    lab = fork_process(path, tmp_path / "new.log")
    asyncio.run(lab.become(specification()))
    assert stack_of(server.pid) != before
    assert server_pid(path) == server.pid
    assert old.ended() is None
    for one in (old, lab):
        os.kill(one.pid, signal.SIGKILL)
        wait_for(lambda one=one: one.ended() is not None, what="its end")


def test_without_a_server_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(ForkError, match="unavailable"):
        fork_process(tmp_path / "socket", tmp_path / "lab.log")


def test_a_process_is_known_by_more_than_its_number(path: Path, tmp_path: Path) -> None:
    lab = fork_process(path, tmp_path / "lab.log")
    assert lab.start_ticks == processes.start_ticks(lab.pid)
    lab.give_up()
