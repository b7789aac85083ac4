"""Internal ports: chosen once, kept in later runs while they are free."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Mapping
from contextlib import closing

__all__ = ["choose_ports", "is_free", "why_taken"]


def is_free(port: int, address: str = "127.0.0.1") -> bool:
    """Return whether a server could listen on a port now."""
    return not why_taken(port, address)


def why_taken(port: int, address: str = "127.0.0.1") -> str:
    """Return why a server could not listen on a port now; an empty string if it could."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with closing(socket.socket(family)) as probe:
        # As servers do: connections in TIME_WAIT do not block the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except (OSError, OverflowError, UnicodeError) as error:
            return _reason(error, port, address)
        return ""


def _reason(error: Exception, port: int, address: str) -> str:
    match error:
        case socket.gaierror() | UnicodeError():
            return f"{address} is neither an IP address nor the name of a machine known here."
        case OSError(errno=errno.EADDRNOTAVAIL):
            return f"{address} is not an address of this machine."
        case OSError(errno=errno.EACCES):
            return f"Port {port} of {address} needs privileges that this user does not have."
        case _:
            return f"Port {port} of {address} is taken."


def choose_ports(names: Iterable[str], before: Mapping[str, int], *, taken: int) -> dict[str, int]:
    """Choose a loopback port for each component.

    Parameters
    ----------
    names
        The components.
    before
        The last run's choice. Labs that outlived a crash still call the hub there, so a port is
        kept while it is free.
    taken
        The public port.
    """
    chosen: dict[str, int] = {}
    for name in names:
        port = before.get(name, 0)
        used = {taken, *chosen.values()}
        if port in used or not port or not is_free(port):
            port = _unused(used)
        chosen[name] = port
    return chosen


def _unused(used: set[int]) -> int:
    while True:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in used:
            return port
