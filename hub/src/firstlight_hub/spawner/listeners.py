"""Who listens on a port of this machine, read from ``/proc`` (proc(5), ``/proc/net/tcp``)."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from firstlight_hub.spawner.places import ProcessPlace

__all__ = ["PortTakenError", "find_listener", "is_taken"]

_LISTEN = "0A"


class PortTakenError(Exception):
    """Another program listens on a lab's port."""


def find_listener(place: ProcessPlace) -> tuple[str, ...]:
    """Return the sockets that listen on a lab's port, by inode; none if nobody listens.

    Raises
    ------
    PortTakenError
        If one of them does not belong to the lab. The account alone proves nothing: the labs of an
        ordinary user's platform share one.
    """
    inodes = _listening(place.port)
    if not _belongs_to(inodes, place.members()):
        raise PortTakenError(f"port {place.port} belongs to a process outside the lab")
    return tuple(sorted(inodes))


def is_taken(place: ProcessPlace) -> bool:
    """Return whether another program has taken the port of a lab since the lab was ready."""
    # The first comparison suffices nearly always, and needs no look at each process.
    inodes = _listening(place.port)
    if not place.listener or inodes <= set(place.listener):
        return False
    return not _belongs_to(inodes, place.members())


def _listening(port: int) -> frozenset[str]:
    """Return the inodes of the sockets that may get a connection to a port of 127.0.0.1.

    Notes
    -----
    There are several if they share the port (``SO_REUSEPORT``) or have it on other addresses.
    """
    found = set()
    for family in ("tcp", "tcp6"):
        with suppress(OSError):  # a machine without IPv6
            for line in Path("/proc/net", family).read_text().splitlines()[1:]:
                fields = line.split()
                address, _, number = fields[1].rpartition(":")
                if fields[3] == _LISTEN and int(number, 16) == port and address in _ADDRESSES:
                    found.add(fields[9])
    return frozenset(found)


def _belongs_to(inodes: frozenset[str], pids: Iterable[int]) -> bool:
    """Return whether some processes hold all of some sockets open."""
    missing = {f"socket:[{inode}]" for inode in inodes}
    for pid in pids:
        if not missing:
            break
        missing -= _sockets(pid)
    return not missing


def _sockets(pid: int) -> set[str]:
    """Return what a process's descriptors refer to."""
    found = set()
    folder = f"/proc/{pid}/fd"
    with suppress(OSError):
        for name in os.listdir(folder):  # noqa: PTH208 (called often)
            with suppress(OSError):
                found.add(os.readlink(f"{folder}/{name}"))  # noqa: PTH115
    return found


def _hex(address: bytes) -> str:
    """Return an address as ``/proc/net`` prints it: words of 32 bits in native byte order."""
    words = (address[at : at + 4] for at in range(0, len(address), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)


_LOOPBACK = socket.inet_aton("127.0.0.1")
_ADDRESSES = frozenset(
    map(_hex, (_LOOPBACK, bytes(4), bytes(16), bytes(10) + b"\xff\xff" + _LOOPBACK))
)
