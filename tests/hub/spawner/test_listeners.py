"""Who listens on a port, asked about real sockets of real processes."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest

from firstlight_hub.spawner import processes
from firstlight_hub.spawner.listeners import PortTakenError, find_listener, is_taken
from firstlight_hub.spawner.places import ProcessPlace
from tests.platform_under_test import free_port

_LISTEN = (
    "import socket, sys\n"
    "server = socket.socket(getattr(socket, sys.argv[1]))\n"
    "server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)\n"
    "server.bind((sys.argv[2], int(sys.argv[3])))\n"
    "server.listen()\n"
    "print('listening', flush=True)\n"
    "sys.stdin.read()\n"
)


@contextmanager
def listener(port: int, address: str = "127.0.0.1", family: str = "AF_INET") -> Iterator[int]:
    """Run a process in a session of its own that listens; yield its id."""
    with subprocess.Popen(
        [sys.executable, "-c", _LISTEN, family, address, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"listening\n"
        yield process.pid
        process.kill()


def record_of(pid: int, port: int) -> ProcessPlace:
    return ProcessPlace(pid, processes.start_ticks(pid), port)


@pytest.mark.parametrize(
    ("address", "family"),
    [
        ("127.0.0.1", "AF_INET"),
        ("0.0.0.0", "AF_INET"),
        ("::", "AF_INET6"),
        ("::ffff:127.0.0.1", "AF_INET6"),
    ],
)
def test_a_labs_own_socket_is_told_from_anybody_elses(address: str, family: str) -> None:
    port = free_port()
    with listener(port, address, family) as pid:
        assert find_listener(record_of(pid, port))
        with listener(free_port()) as other, pytest.raises(PortTakenError):
            find_listener(record_of(other, port))


def test_a_stranger_that_shares_the_port_is_noticed() -> None:
    """As an ordinary user all labs have one account, so that the kernel lets them share a port."""
    port = free_port()
    with listener(port) as pid, listener(port), pytest.raises(PortTakenError):
        find_listener(record_of(pid, port))


def test_a_port_on_another_address_is_not_the_labs() -> None:
    port = free_port()
    with listener(port, "127.0.0.2") as pid:
        assert find_listener(record_of(pid, port)) == ()


def test_a_stranger_that_takes_the_port_later_is_noticed() -> None:
    port = free_port()
    with ExitStack() as first:
        pid = first.enter_context(listener(port))
        record = record_of(pid, port)
        known = ProcessPlace(pid, record.start_ticks, port, listener=find_listener(record))
        assert not is_taken(known)
    assert not is_taken(known)
    with closing(socket.create_server(("127.0.0.1", port))):
        assert is_taken(known)
