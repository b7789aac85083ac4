"""The child's side of a lab's start: namespaces, mounts, account, limits, then the lab's program.

Run as ``python -I -S start_child.py STATUS_FD`` with a `LabSpec` as JSON on standard input, so that
no secret is in an argument list. It uses only the standard library, imports nothing of ours but
its neighbours whose names begin as its own, and reports errors on the status pipe; the pipe closes
without a message when the lab's program runs.

Notes
-----
With namespaces there are three processes: this one stays outside and forwards signals; the first
process of the new PID namespace reaps what the lab leaves behind, and everything in the namespace
ends with it (pid_namespaces(7)); its child is the lab. A fourth, outside as well, is the relay of
the lab's network (`start_relay`). Without namespaces this process becomes the lab.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import signal
import socket
import struct
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypedDict

# Imported now: the lab's view may include neither the standard library nor this file.
if TYPE_CHECKING:
    from firstlight_hub.spawner import (
        start_filter,
        start_home,
        start_network,
        start_relay,
        start_tutorials,
    )
else:
    sys.path.append(os.path.dirname(__file__))  # noqa: PTH120
    import start_filter
    import start_home
    import start_network
    import start_relay
    import start_tutorials

    sys.path.pop()

__all__ = ["LabSpecification", "enter", "main", "report"]

_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_REMOUNT, _MS_BIND, _MS_MOVE, _MS_REC, _MS_PRIVATE = 32, 4096, 8192, 16384, 1 << 18
_KEPT = {
    os.ST_NOSUID: _MS_NOSUID,
    os.ST_NODEV: _MS_NODEV,
    os.ST_NOEXEC: _MS_NOEXEC,
    os.ST_NOATIME: 1024,
    os.ST_NODIRATIME: 2048,
    os.ST_RELATIME: 1 << 21,
}
_PR_SET_SECCOMP, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 22, 36, 38
_KEYCTL, _JOIN_SESSION_KEYRING = {"x86_64": 250, "aarch64": 219}, 1
_TERMINALS = "/dev/pts"
_CONSOLES = ("tty", "vcs", "hvc", "console")
_PAUSE = 0.1
"""Seconds until a relay that ended is started again."""
_libc = ctypes.CDLL(None, use_errno=True)
_step = "reading the specification"


# The specification as JSON; `firstlight_hub.spawner.models` describes it.


class _Hidden(TypedDict):
    path: str
    options: str


class _Shown(TypedDict):
    source: str
    target: str
    writable: bool


class _EtcFile(TypedDict):
    text: str
    mode: int


class LabSpecification(TypedDict):
    """What `firstlight_hub.spawner.models.LabSpec` describes, as JSON."""

    command: list[str]
    environment: dict[str, str]
    directory: str
    owner: list[int]
    account: bool
    processes: int
    user_namespaces: bool
    keys: bool
    namespaces: str
    network: start_relay.Network | None
    runtime: str
    hidden: list[_Hidden]
    shown: list[_Shown]
    etc: dict[str, _EtcFile]
    cgroup_procs: list[str]
    seeds: list[start_tutorials.Seed]
    reset: str


def main() -> None:
    """Read the specification and become the lab."""
    status = int(sys.argv[1])
    os.umask(0o022)
    try:
        spec: LabSpecification = json.load(sys.stdin)
        environment = enter(spec, status)
        _begin(f"starting {spec['command'][0]}")
        # stdin was the specification; a lab has none.
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.set_inheritable(status, False)
        os.execve(spec["command"][0], spec["command"], environment)  # noqa: S606
    except Exception as error:  # whatever it is, the hub has to know
        report(status, error)
        os._exit(125)


def enter(spec: LabSpecification, status: int) -> dict[str, str]:
    """Put this process, or a child of it, behind the lab's walls.

    Parameters
    ----------
    spec
        The lab.
    status
        The descriptor on which the hub waits for errors; processes that only watch close it.

    Returns
    -------
    dict
        The variables that the lab's program starts with. Nothing that a person can write has been
        read before this process had their account and its limits.
    """
    _begin("joining the lab's control groups")
    for procs in spec["cgroup_procs"]:
        Path(procs).write_text("0")
    _begin("giving the lab keys of its own")
    _leave_session_keyring()
    if spec["namespaces"]:
        _enter_namespaces(user=spec["namespaces"] == "user")
        # The first process of the new PID namespace, and of the new network.
        if spec["network"] is None:
            os.unshare(os.CLONE_NEWPID)
            _continue_in_child(status)
            _build_view(spec)
        else:
            relay = _continue_in_network(status, spec, spec["network"])
            _build_view(spec)
            _wait_for_relay(relay)
        _continue_in_child(status)  # the lab
    _drop_privileges(spec)
    _begin("preparing the home")
    environment = start_home.prepare(spec["environment"], spec["seeds"], spec["reset"])
    os.chdir(spec["directory"])
    return environment


def report(status: int, error: Exception) -> None:
    """Tell the hub what failed, and in which step."""
    os.write(status, json.dumps({"step": _step, "error": str(error)}).encode())


def _begin(step: str) -> None:
    """Record what is being done, for the message if it fails."""
    global _step
    _step = step


def _leave_session_keyring() -> None:
    """Give this process a new session keyring (keyrings(7)).

    Notes
    -----
    A lab would inherit that of whoever started the platform, and could use all keys in it, such as
    Kerberos tickets, whatever its account. Where the kernel has no keys, or a container denies
    them, a lab has none either. It is called with the hub's account, because an account has room
    for a limited number of keys, which its labs could use up.
    """
    number = _KEYCTL.get(os.uname().machine)
    if number is not None and _libc.syscall(number, _JOIN_SESSION_KEYRING, None) < 0:
        problem = ctypes.get_errno()
        if problem not in (errno.ENOSYS, errno.EPERM):
            raise OSError(problem, os.strerror(problem))


# --- namespaces


def _enter_namespaces(*, user: bool) -> None:
    _begin("creating private namespaces")
    uid, gid = os.geteuid(), os.getegid()
    flags = os.CLONE_NEWNS | os.CLONE_NEWIPC
    os.unshare(flags | os.CLONE_NEWUSER if user else flags)
    if user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")


def _continue_in_child(status: int) -> None:
    """Fork and return in the child; the parent only waits for it, and ends as the child does."""
    child = os.fork()
    if child == 0:
        return
    _let_go(status)
    _wait_for(child)


def _continue_in_network(
    status: int, spec: LabSpecification, network: start_relay.Network
) -> socket.socket:
    """Return in the first process of a new PID namespace with a network of its own.

    Returns
    -------
    socket.socket
        The connection to its relay, which is about to start.

    Notes
    -----
    The parent also keeps the relay running, which has to be in the machine's PID namespace; so it
    does not create the other one itself, but adopts the process that a child creates in it. It
    opens the relay's sockets after the fork, so that the lab never has them.
    """
    _begin("creating a network for the lab")
    outside, inside = socket.socketpair()
    reading, writing = os.pipe()
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    if os.fork():
        inside.close()
        os.close(writing)
        _let_go(status)
        child = int(os.read(reading, 20) or 0)
        os.close(reading)
        if not child:
            os._exit(125)  # it has said why
        disarm = _keep_capabilities if spec["account"] else _drop_capabilities
        drop = partial(_drop_privileges, spec)
        _wait_for(child, start_relay.Relay(outside, network, drop, disarm))
    outside.close()
    os.close(reading)
    os.unshare(os.CLONE_NEWPID)
    if child := os.fork():
        os.write(writing, str(child).encode())
        os._exit(0)
    os.close(writing)
    start_network.hand_over(inside, {port for _, port in network["targets"]})
    return inside


def _wait_for_relay(relay: socket.socket) -> None:
    _begin("starting the relay of the lab's network")
    try:
        start_network.wait_for_relay(relay)
    except OSError as error:
        if str(error).startswith(start_network.LISTENING):
            _begin(start_network.LISTENING)
        raise


def _let_go(status: int) -> None:
    """Close what is the lab's alone."""
    os.close(status)
    # The lab's log is the lab's alone: nothing else may keep its logger alive, or write to it.
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)


def _wait_for(child: int, relay: start_relay.Relay | None = None) -> NoReturn:
    """Forward signals to a child, reap whatever ends, and exit when the child does."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _: os.kill(child, number))
    while True:
        ended, how = os.wait()
        if ended == child:
            if relay is not None:
                relay.end()
            os._exit(os.waitstatus_to_exitcode(how) % 256)
        if relay is not None and ended == relay.pid:
            time.sleep(_PAUSE)  # in case it cannot work
            relay.start()


# --- what the lab sees of the file system


def _build_view(spec: LabSpecification) -> None:
    """Hide directories, show parts of them again, and create the lab's own ``/etc``."""
    _begin("creating the lab's view of the file system")
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    # What is shown may be inside something hidden: open it first.
    steps = [(entry["path"], partial(_hide, entry)) for entry in spec["hidden"]]
    for entry in spec["shown"]:
        source = os.open(entry["source"], os.O_PATH | os.O_CLOEXEC)
        steps.append((entry["target"], partial(_show, entry, source)))
    # Parents first: something shown may contain something hidden, and the reverse.
    for _, step in sorted(steps, key=lambda step: step[0].count("/")):
        step()
    _begin("creating terminals for the lab")
    _make_terminals()
    if not spec["account"]:
        _close_consoles()
    if spec["runtime"]:
        _begin("creating the directory for the lab's sockets")
        os.mkdir(spec["runtime"], 0o700)  # noqa: PTH102
        os.chown(spec["runtime"], *spec["owner"])
    _begin("writing the lab's /etc")
    _overlay_etc(spec["etc"], spec["owner"])
    _begin("mounting the lab's /proc")
    _mount("proc", "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)


def _hide(entry: _Hidden) -> None:
    if os.path.isdir(entry["path"]):  # noqa: PTH112 (no pathlib: it is slower to start)
        _begin(f"hiding {entry['path']} from the lab")
        _mount("tmpfs", entry["path"], "tmpfs", _MS_NOSUID | _MS_NODEV, entry["options"])


def _show(entry: _Shown, source: int) -> None:
    _begin(f"showing {entry['target']} to the lab")
    _bind(source, entry["target"], writable=entry["writable"])
    os.close(source)  # it leads to what is hidden, and past what is read-only


def _make_terminals() -> None:
    """Give the lab pseudoterminals of its own.

    Notes
    -----
    Whoever can open a terminal reads what is typed there, and labs of an ordinary user have the
    account of each other's terminals and of the operator's. Each mount of devpts is a new instance,
    and ``/dev/ptmx`` belongs to the one beside it, unless it is one of an instance itself.
    """
    _mount("devpts", _TERMINALS, "devpts", _MS_NOSUID | _MS_NOEXEC, "mode=600,ptmxmode=666")
    if not os.path.islink("/dev/ptmx"):  # noqa: PTH114
        _mount(f"{_TERMINALS}/ptmx", "/dev/ptmx", None, _MS_BIND)


def _close_consoles() -> None:
    """Hide the machine's consoles where this account is logged in."""
    for name in os.listdir("/dev"):  # noqa: PTH208
        path = f"/dev/{name}"
        if name.startswith(_CONSOLES) and name != "tty" and os.access(path, os.R_OK):
            _mount(os.devnull, path, None, _MS_BIND)


def _bind(source: int, target: str, *, writable: bool) -> None:
    origin = f"/proc/self/fd/{source}"
    if os.path.isdir(origin):  # noqa: PTH112
        os.makedirs(target, mode=0o755, exist_ok=True)  # noqa: PTH103
    elif not os.path.exists(target):  # noqa: PTH110
        os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)  # noqa: PTH103, PTH120
        os.close(os.open(target, os.O_CREAT, 0o644))
    _mount(origin, target, None, _MS_BIND | _MS_REC)
    _restrict(target, 0 if writable else _MS_RDONLY)


def _restrict(target: str, flags: int) -> None:
    """Add restrictions to a mount; a user namespace may not remove any."""
    kept = sum(flag for bit, flag in _KEPT.items() if os.statvfs(target).f_flag & bit)
    _mount(None, target, None, _MS_REMOUNT | _MS_BIND | kept | _MS_NOSUID | _MS_NODEV | flags)


def _overlay_etc(files: dict[str, _EtcFile], owner: list[int]) -> None:
    """Mount an ``/etc`` over the machine's that differs from it in a few files.

    Notes
    -----
    Every other entry is a link into the machine's ``/etc``, which is moved below. An overlayfs
    would do the same if the kernel has it; this works everywhere.
    """
    stage = "/tmp/.etc"  # noqa: S108 (by now this is the lab's own file system)
    names = os.listdir("/etc")  # noqa: PTH208
    os.mkdir(stage)  # noqa: PTH102
    _mount("/etc", stage, None, _MS_BIND | _MS_REC)
    _mount("tmpfs", "/etc", "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755,size=1m")
    os.mkdir("/etc/.machine")  # noqa: PTH102
    _mount(stage, "/etc/.machine", None, _MS_MOVE)
    os.rmdir(stage)  # noqa: PTH106
    _restrict("/etc/.machine", _MS_RDONLY)
    own = {name.split("/")[0] for name in files}
    for name in set(names) - own:
        original = f"/etc/.machine/{name}"
        # Copy a link as it is: relative ones start from /etc.
        is_link = os.path.islink(original)  # noqa: PTH114
        os.symlink(os.readlink(original) if is_link else original, f"/etc/{name}")  # noqa: PTH115, PTH211
    for name, file in files.items():
        path = f"/etc/{name}"
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)  # noqa: PTH103, PTH120
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, file["mode"])
        os.write(descriptor, file["text"].encode())
        if file["mode"] & 0o077 == 0:
            os.fchown(descriptor, *owner)
        os.close(descriptor)
    _restrict("/etc", _MS_RDONLY)


def _mount(
    source: str | None, target: str, kind: str | None, flags: int, options: str | None = None
) -> None:
    """Call mount(2), and raise its error."""
    words = [word.encode() if word is not None else None for word in (source, target, kind)]
    data = options.encode() if options is not None else None
    if _libc.mount(*words, ctypes.c_ulong(flags), data):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)


# --- the lab's account and limits


def _drop_privileges(spec: LabSpecification) -> None:
    _begin("limiting the lab")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if spec["processes"]:
        _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
        limit = spec["processes"] if hard < 0 else min(spec["processes"], hard)
        resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    if spec["account"]:
        _begin("switching to the lab's account")
        uid, gid = spec["owner"]
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    _drop_capabilities()
    # No program can give a lab more rights than it has: sudo and the like do not work.
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    if not (spec["user_namespaces"] and spec["keys"]):
        _begin("filtering the lab's system calls")
        _filter_calls(namespaces=spec["user_namespaces"], keys=spec["keys"])


def _drop_capabilities() -> None:
    """Give up all privileges (capabilities(7)).

    Notes
    -----
    Root loses them with its account. Whoever created a user namespace has all of them in it until
    it executes a program, and a forked lab executes none.
    """
    version, itself = 0x20080522, 0
    header = ctypes.create_string_buffer(struct.pack("=Ii", version, itself))
    if _libc.capset(header, ctypes.create_string_buffer(24)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _keep_capabilities() -> None:
    """Do nothing: another account, which comes next, takes the privileges of all threads."""


def _prctl(option: int, *arguments: int | ctypes.Array[ctypes.c_char]) -> None:
    """Call prctl(2), and raise its error."""
    words = [ctypes.c_ulong(word) if isinstance(word, int) else word for word in arguments]
    words += [ctypes.c_ulong(0)] * (4 - len(words))
    if _libc.prctl(option, *words):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _filter_calls(*, namespaces: bool, keys: bool) -> None:
    """Make the kernel refuse system calls, here and in all descendants."""
    code = start_filter.program(os.uname().machine, namespaces=namespaces, keys=keys)
    instructions = ctypes.create_string_buffer(code, len(code))
    filter_ = struct.pack("@HP", len(code) // 8, ctypes.addressof(instructions))
    _prctl(_PR_SET_SECCOMP, 2, ctypes.create_string_buffer(filter_, len(filter_)))


if __name__ == "__main__":
    main()
