"""Connections to sockets that are files."""

from __future__ import annotations

import os
import socket
from pathlib import Path

__all__ = ["connect", "socket_of"]


def socket_of(health: str) -> Path | None:
    """Return the socket that a component's health address names, or None if it is a URL."""
    kind, _, path = health.partition(":")
    return Path(path) if kind == "unix" else None


def connect(path: Path, *, seconds: float) -> socket.socket:
    """Connect to a socket, however long its path is.

    Parameters
    ----------
    path
        The socket.
    seconds
        How long to wait for it, and for each answer.

    Raises
    ------
    OSError
        If nobody listens there.

    Notes
    -----
    An address has at most 107 bytes (unix(7)), so the directory is opened first.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    directory = -1
    try:
        directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        connection.settimeout(seconds)
        connection.connect(f"/proc/self/fd/{directory}/{path.name}")
    except BaseException:
        connection.close()
        raise
    finally:
        if directory >= 0:
            os.close(directory)
    return connection
