"""The relay of a lab's network: a process outside it that carries connections in and out.

`start_child` loads this file by its path: it uses only the standard library and imports nothing of
ours but its neighbours. It is the lab's: it has the lab's account, is in its control groups, and
ends with it. The lab can neither see it nor send it a signal.

Notes
-----
No socket of the machine's network is ever given to a lab: whoever holds one, even if it only
listens, can disconnect it and connect it to anywhere on the machine (decision record 27).
"""

from __future__ import annotations

import asyncio
import ctypes
import encodings.idna  # noqa: F401 (the codec that looking up a name imports; see `start_child`)
import os
import resource
import signal
import socket
import struct
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, TypedDict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Coroutine

    from firstlight_hub.spawner import start_network, start_reach
else:
    import start_network  # `start_child` has put this directory on the path
    import start_reach

__all__ = ["Network", "Relay"]

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15
_CONNECTIONS, _QUERIES = 1024, 256
"""How many connections and DNS queries are carried at the same time."""
_DESCRIPTORS = 4096
_BLOCK = 65536
_CONNECT_SECONDS, _DNS_SECONDS, _KEPT_SECONDS = 60, 4, 30
_TRY_SECONDS = 0.01
_RESOLVER = "/etc/resolv.conf"
_DNS = 53


class Network(TypedDict):
    """What a lab's network leads to.

    Attributes
    ----------
    port
        Where the lab's server listens, inside, and where the relay does for it, on the machine's
        loopback; 0 for none.
    targets
        Hosts and ports of the platform itself.
    internet
        What else may be reached.
    """

    port: int
    targets: list[tuple[str, int]]
    internet: list[start_reach.Destination]


class Relay:
    """Starts the relay, again if it ends before its lab.

    Parameters
    ----------
    channel
        The connection to the process in the new namespace.
    network
        What the lab may reach.
    drop
        Gives the calling process the lab's account and limits.
    disarm
        Gives up the privileges of a thread, unless its process gives up those of all.

    Raises
    ------
    OSError
        If the lab's port is taken.
    """

    def __init__(
        self,
        channel: socket.socket,
        network: Network,
        drop: Callable[[], None],
        disarm: Callable[[], None],
    ) -> None:
        message, self._descriptors, _, _ = socket.recv_fds(channel, 64, 8)
        self._network = network
        self._drop = drop
        self._disarm = disarm
        self._entrance: socket.socket | None = None
        self.pid = 0
        if not message:  # the other process failed, and says so itself
            channel.close()
            return
        try:
            if network["port"]:
                # This process keeps it, so that nobody else can have the port meanwhile.
                self._entrance = socket.socket()
                self._entrance.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self._entrance.bind(("127.0.0.1", network["port"]))
        except OSError as error:
            channel.send(f"{start_network.LISTENING}: {error}".encode())
        else:
            self.start(channel)
        channel.close()

    def start(self, channel: socket.socket | None = None) -> None:
        """Fork the relay, which tells when it works."""
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid:
            return
        try:
            self._run(parent, channel)
        except BaseException as error:
            _tell(channel, str(error) or type(error).__name__)
        os._exit(1)

    def end(self) -> None:
        """End the relay."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)

    def _run(self, parent: int, channel: socket.socket | None) -> NoReturn:
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_NAME, b"lab-network", 0, 0, 0)
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _DESCRIPTORS if most < 0 else min(_DESCRIPTORS, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
        namespace, *descriptors = self._descriptors
        inside = ThreadPoolExecutor(1, initializer=_enter, initargs=(namespace, self._disarm))
        inside.submit(os.getpid).result()  # while this process still may
        outside = ThreadPoolExecutor(1)
        outside.submit(os.getpid).result()  # while there is room for a thread
        self._drop()
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            raise OSError("the lab has ended")
        sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        asyncio.run(_Carrier(self._network, sockets, self._entrance, inside, outside).run(channel))
        raise OSError("nothing is left to do")


def _tell(channel: socket.socket | None, message: str) -> None:
    if channel is not None:
        with suppress(OSError):
            channel.send(message.encode())
        channel.close()


def _enter(namespace: int, disarm: Callable[[], None]) -> None:
    """Move this thread, and no other, to the lab's network, where it will create sockets."""
    os.setns(namespace, os.CLONE_NEWNET)
    disarm()


class _Carrier:
    """Carries connections and DNS queries, in an event loop."""

    def __init__(
        self,
        network: Network,
        sockets: list[socket.socket],
        entrance: socket.socket | None,
        inside: ThreadPoolExecutor,
        outside: ThreadPoolExecutor,
    ) -> None:
        self._network = network
        self._sockets = sockets
        self._entrance = entrance
        self._inside = inside
        self._outside = outside
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections = asyncio.Semaphore(_CONNECTIONS)
        self._queries = asyncio.Semaphore(_QUERIES)
        self._resolved: dict[str, tuple[float, list[str]]] = {}

    async def run(self, channel: socket.socket | None) -> None:
        """Carry for ever."""
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(self._outside)
        _tell(channel, "ready")
        works = [
            self._answer_queries(one) if one.type == socket.SOCK_DGRAM else self._let_out(one)
            for one in self._sockets
        ]
        if self._entrance is not None:
            works.append(self._let_in(self._entrance))
        await asyncio.gather(*works)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- connections

    async def _let_in(self, entrance: socket.socket) -> None:
        """Carry what comes to the lab's port, once its server answers."""
        # Nothing but a connection tells that it does.
        while (trial := await self._connect_inside()) is None:  # noqa: ASYNC110
            await asyncio.sleep(_TRY_SECONDS)
        trial.close()
        entrance.listen(256)
        async for caller in self._callers(entrance):
            self._begin(self._carry(caller, self._connect_inside()))

    async def _let_out(self, listener: socket.socket) -> None:
        """Carry what the lab connects to."""
        async for caller in self._callers(listener):
            self._begin(self._carry(caller, self._connect_outside(caller)))

    async def _callers(self, listener: socket.socket) -> AsyncIterator[socket.socket]:
        """Yield connections, each holding a place among those that are carried at a time."""
        listener.setblocking(False)
        while True:
            await self._connections.acquire()
            try:
                caller, _ = await self._loop.sock_accept(listener)
            except OSError:  # it has gone, or there are no descriptors left
                self._connections.release()
                await asyncio.sleep(_TRY_SECONDS)
                continue
            yield caller

    async def _carry(
        self, caller: socket.socket, connecting: Awaitable[socket.socket | None]
    ) -> None:
        try:
            with caller:
                caller.setblocking(False)
                callee = await connecting
                if callee is None:
                    _reset(caller)
                    return
                with callee:
                    try:
                        for one in (caller, callee):
                            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                            one.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                        async with asyncio.TaskGroup() as group:
                            group.create_task(self._pump(caller, callee))
                            group.create_task(self._pump(callee, caller))
                    except* OSError:
                        _reset(caller)
                        _reset(callee)
        finally:
            self._connections.release()

    async def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        """Carry one direction to its end."""
        block = memoryview(bytearray(_BLOCK))
        while length := await self._loop.sock_recv_into(source, block):
            await self._loop.sock_sendall(sink, block[:length])
        sink.shutdown(socket.SHUT_WR)

    async def _connect_inside(self) -> socket.socket | None:
        one = await self._loop.run_in_executor(self._inside, socket.socket)
        return await self._try(one, ("127.0.0.1", self._network["port"]))

    async def _connect_outside(self, caller: socket.socket) -> socket.socket | None:
        """Connect to where a lab's connection was going, if it may go there."""
        try:
            text, port = destination_of(caller)
        except OSError:
            return None
        for address in await self._allowed(text, port):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            found = await self._try(socket.socket(family), (address, port))
            if found is not None:
                return found
        return None

    async def _try(self, one: socket.socket, address: tuple[str, int]) -> socket.socket | None:
        one.setblocking(False)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await self._loop.sock_connect(one, address)
        except OSError:  # a TimeoutError is one, too
            one.close()
            return None
        except BaseException:
            one.close()
            raise
        return one

    async def _allowed(self, text: str, port: int) -> list[str]:
        """Return the addresses to try for a destination; none if a lab may not reach it."""
        wanted = start_reach.parse(text)
        if port == _DNS:  # whichever server it asks, the machine's own answers
            return nameservers()
        for host, its_port in self._network["targets"]:
            if port == its_port:
                found = await self._resolve(host, port)
                addresses = [start_reach.parse(one) for one in found]
                if wanted in addresses:
                    return [text, *(one for one in found if one != text)]
                if wanted.is_loopback and any(one.is_loopback for one in addresses):
                    return found
        if start_reach.may_reach(wanted, port, self._network["internet"]) and not is_own(text):
            return [text]
        return []

    async def _resolve(self, host: str, port: int) -> list[str]:
        """Return a host's addresses."""
        until, found = self._resolved.get(host, (0.0, []))
        if time.monotonic() >= until:
            with suppress(OSError):  # then the last ones are as good as any
                answers = await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                found = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
            self._resolved[host] = (time.monotonic() + _KEPT_SECONDS, found)
        return found

    # --- DNS

    async def _answer_queries(self, server: socket.socket) -> None:
        """Pass DNS queries on."""
        server.setblocking(False)
        while True:
            await self._queries.acquire()
            try:
                query, client = await self._loop.sock_recvfrom(server, _BLOCK)
            except OSError:
                self._queries.release()
                await asyncio.sleep(_TRY_SECONDS)
                continue
            self._begin(self._answer(server, query, client))

    async def _answer(self, server: socket.socket, query: bytes, client: tuple[str, int]) -> None:
        try:
            for address in nameservers():
                with suppress(OSError):
                    answer = await self._ask(address, query)
                    await self._loop.sock_sendto(server, answer, client)
                    return
        finally:
            self._queries.release()

    async def _ask(self, address: str, query: bytes) -> bytes:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.setblocking(False)
            asking.connect((address, _DNS))
            async with asyncio.timeout(_DNS_SECONDS):
                await self._loop.sock_sendall(asking, query)
                return await self._loop.sock_recv(asking, _BLOCK)


def destination_of(caller: socket.socket) -> tuple[str, int]:
    """Return the address and port that a redirected connection was going to."""
    original = 80  # SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST
    if caller.family == socket.AF_INET:
        port, address = struct.unpack_from(">2xH4s", caller.getsockopt(socket.SOL_IP, original, 16))
    else:
        found = caller.getsockopt(socket.IPPROTO_IPV6, original, 28)
        port, address = struct.unpack_from(">2xH4x16s", found)
    return socket.inet_ntop(caller.family, address), port


def is_own(address: str) -> bool:
    """Return whether an address is one of this machine's; it sends nothing."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as trial:
        try:
            trial.connect((address, 9))
        except OSError:  # there is no way to it
            return False
        return str(trial.getsockname()[0]) == address


def nameservers() -> list[str]:
    """Return the machine's nameservers, as they are now."""
    found = []
    with suppress(OSError), open(_RESOLVER) as lines:  # noqa: PTH123
        found = [words[1] for line in lines if (words := line.split())[:1] == ["nameserver"]]
    return found or ["127.0.0.1"]


def _reset(one: socket.socket) -> None:
    """Have the other side see an error instead of an end."""
    with suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
