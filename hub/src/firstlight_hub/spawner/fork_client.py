"""The hub's care for the process that labs are forked from."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from firstlight_common.sockets import connect
from firstlight_hub.protocols import Hub

__all__ = ["renew_forks", "server_pid"]


def server_pid(server: Path) -> int:
    """Return the process id of a fork server.

    Parameters
    ----------
    server
        Its socket.

    Raises
    ------
    OSError
        If it does not run.
    """
    with connect(server, seconds=5) as connection:
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int(struct.unpack("3i", credentials)[0])


async def renew_forks(hub: Hub, server: Path, age: timedelta) -> None:
    """Have the fork server replace itself again and again; a hook for `FirstLightHub.start_hooks`.

    Parameters
    ----------
    server
        Its socket.
    age
        How old it may become. A hub that is restarted begins to count anew.
    """
    task = asyncio.create_task(_renew(hub, server, age.total_seconds()))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


_tasks: set[asyncio.Task[None]] = set()


async def _renew(hub: Hub, server: Path, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        with suppress(OSError):  # it is being restarted, and thereby new
            os.kill(await asyncio.to_thread(server_pid, server), signal.SIGHUP)
            hub.log.info("Labs are forked from a new process from now on")
