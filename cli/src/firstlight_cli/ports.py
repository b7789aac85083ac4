"""Internal ports: chosen once, kept in later runs while they are free."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager

__all__ = ["choose_ports", "hold", "is_free", "other_loopback", "why_taken"]


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


def other_loopback(address: str) -> str | None:
    """Return the loopback address that ``localhost`` means besides this one; None for others."""
    return {"127.0.0.1": "::1", "localhost": "::1", "::1": "127.0.0.1"}.get(address)


@contextmanager
def hold(port: int, address: str | None) -> Iterator[None]:
    """Keep a port taken without listening on it, if there is such an address.

    Browsers try both of ``localhost``'s addresses: whoever listened on the one that the platform
    does not use, a lab for example, would receive what is meant for the platform. Now browsers are
    refused there, and go on to the other address.

    Raises
    ------
    OSError
        If the port is taken.
    """
    with ExitStack() as stack:
        if address is not None:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            try:
                held = stack.enter_context(socket.socket(family))
                held.bind((address, port))
            except OSError as error:
                # The machine may have no IPv6.
                if error.errno not in {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}:
                    raise
        yield


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
