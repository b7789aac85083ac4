"""What a hostile lab runs; each program returns, by what it tried, how that ended.

The same program runs in a lab, in its neighbour, and outside: there as
``python programs.py NAME ARGUMENTS``, with the arguments as JSON. It uses only the standard library.
What succeeds is `DONE`; what fails is the system's message, or the status of an answer.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

DONE = "done"
_libc = ctypes.CDLL(None, use_errno=True)
_kept: list[object] = []
_woken: list[int] = []
_serving: list[socket.socket] = []


def attempt(action: Callable[[], object]) -> str:
    """Return how an action ended."""
    try:
        action()
    except OSError as error:
        return error.strerror or str(error)
    return DONE


def call(name: str, *arguments: object) -> int:
    """Call a function of the C library, and raise its error."""
    found: int = getattr(_libc, name)(*arguments)
    if found == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return found


def in_child(action: Callable[[], object]) -> str:
    """Return how an action ended that changes the process it is done in."""
    return told_by_child(lambda: attempt(action))


def told_by_child(tell: Callable[[], str]) -> str:
    """Return what a child of this process tells, or nothing if it fails."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, tell().encode())
        finally:
            os._exit(0)
    os.close(writing)
    said = os.read(reading, 1000).decode()
    os.close(reading)
    os.waitpid(child, 0)
    return said


# --- files


def read(paths: list[str], *, doors: bool = False) -> dict[str, str]:
    """Read files: by name, and, if `doors`, through whatever the processes here have open."""
    found: list[str] = []
    for kind in ("root", "cwd", "fd/*") if doors else ():
        found += map(str, Path("/proc").glob(f"[0-9]*/{kind}"))

    def one(path: str) -> str:
        for door in found:
            for way in (door + path, f"{door}/{'../' * 12}{path}"):
                if attempt(lambda way=way: _read(way)) == DONE:  # type: ignore[misc]
                    return DONE
        return attempt(lambda: _read(path))

    return {path: one(path) for path in paths}


def _read(path: str) -> None:
    with Path(path).open("rb") as file:
        file.read(100)


def write(paths: list[str]) -> dict[str, str]:
    """Open files to change them; create one in a directory."""

    def one(path: str) -> None:
        if Path(path).is_dir():
            trial = Path(path, f"attack-{os.getpid()}")
            trial.touch(exist_ok=False)
            trial.unlink()
        else:
            os.close(os.open(path, os.O_WRONLY))

    return {path: attempt(lambda path=path: one(path)) for path in paths}  # type: ignore[misc]


def fill(folders: list[str], most: int) -> dict[str, str]:
    """Write files of `most` bytes."""

    def one(folder: str) -> str:
        path = Path(folder, f"attack-{os.getpid()}")
        try:
            with path.open("wb", buffering=0) as file:
                return attempt(lambda: os.posix_fallocate(file.fileno(), 0, most))
        finally:
            path.unlink()

    return {folder: one(folder) for folder in folders}


# --- processes


def find(word: str) -> dict[str, str]:
    """Look for a word in the command lines and variables of all processes but this one's."""
    for name in ("cmdline", "environ"):
        for path in Path("/proc").glob(f"[0-9]*/{name}"):
            if path.parent.name == str(os.getpid()):
                continue
            with suppress(OSError):
                if word.encode() in path.read_bytes():
                    return {word: DONE}
    return {word: "not found"}


def processes() -> dict[str, str]:
    """Return the ids of the processes that are seen here."""
    return {path.name: DONE for path in Path("/proc").glob("[0-9]*")}


def touch_processes(pids: list[int]) -> dict[str, str]:
    """Send signals to processes, and read their memory."""
    found = {}
    for pid in pids:
        found[f"signal {pid}"] = attempt(lambda pid=pid: os.kill(pid, 0))  # type: ignore[misc]
        found[f"descriptor {pid}"] = attempt(lambda pid=pid: os.close(os.pidfd_open(pid)))  # type: ignore[misc]
        found[f"memory {pid}"] = attempt(lambda pid=pid: _read(f"/proc/{pid}/environ"))  # type: ignore[misc]
    return found


def wake_all() -> dict[str, str]:
    """Send a signal that hurts nobody to all processes that it can be sent to."""
    # Whoever sends it does not get it.
    return {"signal": in_child(lambda: os.kill(-1, signal.SIGCONT))}


def count_wakes() -> dict[str, str]:
    """Count that signal from now on."""
    signal.signal(signal.SIGCONT, lambda *_: _woken.append(1))
    return {}


def wakes() -> dict[str, str]:
    """Return how often it came."""
    return {"wakes": str(len(_woken))}


_BOMB = """
import os, signal, sys
made = []
try:
    for _ in range(int(sys.argv[1])):
        child = os.fork()
        if child == 0:
            while True:
                signal.pause()
        made.append(child)
    print("done")
except OSError as error:
    print(error.strerror)
for child in made:
    os.kill(child, signal.SIGKILL)
for child in made:
    os.waitpid(child, 0)
"""


def fork_bomb(most: int) -> dict[str, str]:
    """Fork `most` processes that stay, from a small one."""
    bomb = [sys.executable, "-I", "-S", "-c", _BOMB, str(most)]
    done = subprocess.run(bomb, capture_output=True, text=True, check=True)
    return {"fork": done.stdout.strip()}


def eat(size: int) -> dict[str, str]:
    """Use memory, in a process that is to be chosen first."""
    code = f"""
open("/proc/self/oom_score_adj", "w").write("1000")
block = bytearray({size})
for page in range(0, {size}, 4096): block[page] = 1
"""
    status = subprocess.run([sys.executable, "-c", code], check=False).returncode
    return {"memory": DONE if status == 0 else signal.strsignal(-status) or str(status)}


# --- connections


def connect(addresses: list[tuple[str, int]]) -> dict[str, str]:
    """Connect over TCP, and read an answer."""

    def one(host: str, port: int) -> None:
        with socket.create_connection((host, port), timeout=20) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            if not connection.recv(1):
                raise OSError(0, "closed")

    return {
        f"{host} {port}": attempt(lambda host=host, port=port: one(host, port))  # type: ignore[misc]
        for host, port in addresses
    }


def connect_paths(paths: list[str]) -> dict[str, str]:
    """Connect to sockets that are files, or abstract ones, whose names begin with @."""

    def one(path: str) -> None:
        folder, _, name = path.rpartition("/")
        with socket.socket(socket.AF_UNIX) as connection:
            if path.startswith("@"):
                connection.connect("\0" + path[1:])
                return
            descriptor = os.open(folder, os.O_PATH)  # an address has at most 107 bytes
            try:
                connection.connect(f"/proc/self/fd/{descriptor}/{name}")
            finally:
                os.close(descriptor)

    return {path: attempt(lambda path=path: one(path)) for path in paths}  # type: ignore[misc]


def serve(port: int, word: str) -> dict[str, str]:
    """Answer all connections to a port, at any address, and to an abstract socket of that name."""

    def answer(server: socket.socket) -> None:
        with suppress(OSError):  # until it is shut down
            while True:
                connection, _ = server.accept()
                with connection:
                    connection.recv(100)
                    connection.sendall(word.encode())

    named = socket.socket(socket.AF_UNIX)
    named.bind("\0" + word)
    named.listen()
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    for server in (socket.create_server(("", port), family=family, dualstack_ipv6=both), named):
        _serving.append(server)
        threading.Thread(target=answer, args=(server,), daemon=True).start()
    return {}


def stop_serving() -> dict[str, str]:
    """Listen no longer."""
    while _serving:
        with _serving.pop() as server:
            server.shutdown(socket.SHUT_RDWR)
    return {}


def ask(port: int) -> dict[str, str]:
    """Return what answers at a port of this machine."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return {"answer": connection.recv(100).decode()}


def request(requests: list[tuple[str, str]], headers: Mapping[str, str]) -> dict[str, str]:
    """Send HTTP requests: the method with the address, and the body."""

    def one(what: str, body: str) -> str:
        method, _, url = what.partition(" ")
        data = body.encode() if body else None
        asked = urllib.request.Request(url, data=data, method=method, headers=dict(headers))
        try:
            with urllib.request.urlopen(asked, timeout=60):
                return DONE
        except urllib.error.HTTPError as error:
            return str(error.code)
        except urllib.error.URLError as error:
            if isinstance(error.reason, OSError):
                return error.reason.strerror or str(error)
            return str(error)
        except OSError as error:
            return error.strerror or str(error)

    return {what: one(what, body) for what, body in requests}


def forge(path: str, messages: list[str], descriptors: int) -> dict[str, str]:
    """Send messages to the fork server; a process that was forked ends with the connection."""

    def one(message: str) -> str:
        folder, _, name = path.rpartition("/")
        os.chdir(folder)
        with socket.socket(socket.AF_UNIX) as connection, Path(os.devnull).open() as null:
            connection.settimeout(60)
            connection.connect(name)
            socket.send_fds(connection, [message.encode()], [null.fileno()] * descriptors)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(4096)
            if not answer:
                return "no answer"
            return str(json.loads(answer.splitlines()[0]).get("error", DONE))

    def safely(message: str) -> str:
        try:
            return one(message)
        except (BrokenPipeError, ConnectionResetError):
            return "no answer"
        except OSError as error:
            return error.strerror or str(error)

    return {message: safely(message) for message in messages}


# --- the kernel


def escalate() -> dict[str, str]:
    """Create and enter namespaces, mount, change the root and the account, open a raw socket."""

    def mount() -> None:
        _libc.unshare(os.CLONE_NEWNS)
        call("mount", b"tmpfs", b"/mnt", b"tmpfs", 0, None)

    def enter() -> None:
        descriptor = os.open("/proc/self/ns/net", os.O_RDONLY)
        call("setns", descriptor, os.CLONE_NEWNET)

    spaces = {
        "user": os.CLONE_NEWUSER,
        "mount": os.CLONE_NEWNS,
        "process": os.CLONE_NEWPID,
        "network": os.CLONE_NEWNET,
    }
    ways: dict[str, Callable[[], object]] = {
        f"new {name} namespace": lambda flag=flag: call("unshare", flag)  # type: ignore[misc]
        for name, flag in spaces.items()
    }
    ways |= {
        "enter a namespace": enter,
        "mount": mount,
        "change the root": lambda: call("chroot", b"/"),
        "become root": lambda: os.setuid(0),
        "raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close(),
    }
    return {name: in_child(way) for name, way in ways.items()}


_IPC_CREAT = 0o1000


def share_memory(key: int) -> dict[str, str]:
    """Create System V shared memory that everybody may use."""
    return {"made": attempt(lambda: call("shmget", key, 4096, _IPC_CREAT | 0o666))}


def attach_memory(key: int) -> dict[str, str]:
    """Find shared memory of somebody else's."""
    return {"memory": attempt(lambda: call("shmget", key, 0, 0))}


def drop_memory(key: int) -> dict[str, str]:
    """Remove shared memory."""
    return {"memory": attempt(lambda: call("shmctl", call("shmget", key, 0, 0), 0, None))}


def open_terminal() -> dict[str, str]:
    """Open a terminal, and keep it."""
    ends = os.openpty()
    _kept.append(ends)
    return {"name": os.ttyname(ends[1])}


def read_terminals(names: list[str]) -> dict[str, str]:
    """Open terminals of others."""

    def one(name: str) -> None:
        os.close(os.open(name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))

    return {name: attempt(lambda name=name: one(name)) for name in names}  # type: ignore[misc]


_KEY_CALLS = {"x86_64": (248, 250), "aarch64": (217, 219)}
_USER_KEYRING, _SESSION_KEYRING = -4, -3
_UNLINK, _LINK, _SEARCH, _READ = 9, 8, 10, 11


def add_key(name: str) -> dict[str, str]:
    """Add a key to this account's keyring."""
    number, _ = _KEY_CALLS[os.uname().machine]
    key = (b"user", name.encode(), b"secret", 6, _USER_KEYRING)
    return {"key": attempt(lambda: call("syscall", number, *key))}


def read_key(name: str) -> dict[str, str]:
    """Add every keyring that is seen to the session's own, and read a key from there."""
    _, number = _KEY_CALLS[os.uname().machine]

    def seek() -> None:
        lines = Path("/proc/keys").read_text().splitlines()
        rings = [int(line.split()[0], 16) for line in lines if " keyring " in line]
        for ring in rings:
            _libc.syscall(number, _LINK, ring, _SESSION_KEYRING)
        found = call("syscall", number, _SEARCH, _SESSION_KEYRING, b"user", name.encode(), 0)
        block = ctypes.create_string_buffer(100)
        call("syscall", number, _READ, found, block, 100)
        if block.value != b"secret":
            raise OSError(errno.ENOKEY, os.strerror(errno.ENOKEY))

    return {"key": in_child(seek)}


# --- the log


def shout(line: str, most: int) -> dict[str, str]:
    """Write to the lab's log: as much as `most` bytes of filling, then a line."""
    # What was the kernel's output before it became that of cells.
    log = sys.stdout._original_stdstream_copy  # type: ignore[union-attr]
    filling = (b"x" * 99 + b"\n") * 640
    for _ in range(most // len(filling)):
        os.write(log, filling)
    os.write(log, f"\n{line}\n".encode())
    return {"log": DONE}


if __name__ == "__main__":
    program, arguments = sys.argv[1:]
    sys.stdout.write(json.dumps(globals()[program](**json.loads(arguments))))
