"""Websockets whose clients do not read: a lab's memory is bounded, and they are disconnected.

Notes
-----
Jupyter Server writes a kernel's output to each client without waiting, so that what a frozen client
does not read grows in memory until pings find that it is gone. Here a client that is too far behind
is disconnected at once; JupyterLab connects again by itself when it is alive.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Mapping
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from jupyter_server_terminals.terminalmanager import TerminalManager
from tornado.websocket import WebSocketClosedError, WebSocketHandler, WebSocketProtocol13

from firstlight_lab.backlog import RecentMessages, share

if TYPE_CHECKING:
    from terminado.management import PtyWithClients
    from terminado.websocket import TermSocket
    from zmq.eventloop.zmqstream import ZMQStream

__all__ = ["BoundedConnection", "BoundedKernelManager", "BoundedTerminalManager"]

_READ = 65536
"""How much terminado reads from a terminal at most at a time."""


class BoundedConnection(ZMQChannelsWebsocketConnection):
    """A kernel's connection to one client, with a bounded number of bytes on their way."""

    waiting = 0
    """How many bytes the client has not received yet."""

    refused = False
    """Whether the client was disconnected because it did not read."""

    def write_message(self, message: str | bytes, binary: bool = False) -> None:
        """Send a message unless the client is too far behind."""
        if self.refused:
            return
        if self.waiting > share(len(self._open_sockets)):
            self.refused = True
            self.log.warning("A client does not read a kernel's output and is disconnected")
            _hang_up(self.websocket_handler)
            return
        size = len(message)
        self.waiting += size
        try:
            sent = self.websocket_handler.write_message(message, binary=binary)
        except WebSocketClosedError:
            return
        sent.add_done_callback(lambda done: self._sent(done, size))

    def _sent(self, done: Future[None], size: int) -> None:
        self.waiting -= size
        if not done.cancelled():
            done.exception()  # a client that has left is no error


class BoundedKernelManager(AsyncMappingKernelManager):
    """Kernels whose messages are kept up to a limit while no client is connected."""

    def start_buffering(
        self, kernel_id: str, session_key: str, channels: Mapping[str, ZMQStream]
    ) -> None:
        """Keep a kernel's messages for a client that comes back, the last ones only."""
        super().start_buffering(kernel_id, session_key, channels)
        if self.buffer_offline_messages:
            self._kernel_buffers[kernel_id]["buffer"] = RecentMessages()


class BoundedTerminalManager(TerminalManager):
    """Terminals that disconnect a client which does not read."""

    def pre_pty_read_hook(self, ptywclients: PtyWithClients) -> None:
        """Disconnect clients that are too far behind; terminado calls this before each read."""
        super().pre_pty_read_hook(ptywclients)
        for client in list(ptywclients.clients):
            connection = client.ws_connection
            behind = _behind.get(client, 0) if connection and connection.stream.writing() else 0
            _behind[client] = behind + _READ
            if behind > share(len(_behind)):
                self.log.warning("A client does not read a terminal's output and is disconnected")
                ptywclients.clients.remove(client)
                client.terminal = None
                _hang_up(client)


def _hang_up(client: WebSocketHandler) -> None:
    """Close a client's connection at once; it would not read a closing message either."""
    if isinstance(client.ws_connection, WebSocketProtocol13):
        client.ws_connection.stream.close()


_behind: WeakKeyDictionary[TermSocket, int] = WeakKeyDictionary()
"""For each terminal's client, the most that it can have to receive still."""
