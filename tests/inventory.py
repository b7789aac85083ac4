"""What a platform and its labs hold on this machine, counted, and what is left of it later.

Everything is read from ``/proc``, ``/sys`` and the state directory, not asked of the platform: what
its components have forgotten is what counts.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, fields
from pathlib import Path

from firstlight_common import groups
from tests.waiting import PATIENCE, wait_for

__all__ = ["Inventory", "Process", "assert_nothing_is_left", "processes_of", "take_inventory"]

_PROC = Path("/proc")
_SOCKET_TABLES = ("tcp", "tcp6", "udp", "udp6", "unix")
_DATABASE = re.compile(r"\.sqlite(-\w+)?$")
_NAMESPACE = re.compile(r"(cgroup|ipc|mnt|net|pid|time|user|uts):\[")
_LISTENS = {"tcp": "0A", "tcp6": "0A"}
_UP = re.compile(r"firstlight_cli up ")
_NOT_OURS = re.compile(r"firstlight_cli (?!up )[a-z-]+ .*--state-dir")
"""A command of the test's own, such as ``firstlight status``: it is over before anything counts."""


@dataclass(frozen=True)
class Process:
    """A process of the platform, or of one of its labs."""

    pid: int
    parent: int
    session: int
    name: str
    command: str
    component: str
    """The component that it is, or ``up``; empty for a lab's."""

    @property
    def title(self) -> str:
        """What it is called in a report, whatever its number."""
        return self.component or f"{self.name} ({self.command[:60] or 'no command line'})"

    def descriptors(self) -> Iterator[str]:
        """Yield what each of its open descriptors leads to."""
        with suppress(OSError):
            for link in (_PROC / str(self.pid) / "fd").iterdir():
                with suppress(OSError):
                    yield os.readlink(link)  # noqa: PTH115

    def namespaces(self) -> Iterator[str]:
        """Yield its namespaces, such as ``net:[4026531840]``."""
        with suppress(OSError):
            for link in (_PROC / str(self.pid) / "ns").iterdir():
                with suppress(OSError):
                    yield os.readlink(link)  # noqa: PTH115


@dataclass(frozen=True)
class Inventory:
    """What a platform and its labs hold; each is a description and how often there is such a thing.

    Attributes
    ----------
    process
        By what they are; ended processes that nobody has reaped count, too.
    namespace
        Those that are not the machine's own.
    mount
        Of the machine, and of each view of a lab's.
    address
        The machine's interfaces, addresses and routes.
    rule
        The machine's packet filter.
    group
        Control groups.
    descriptor
        Of the components, but for TCP connections: clients and servers keep some for a minute.
    token
        In the hub's database, with OAuth clients and servers.
    file
        In the state directory's ``run``, and directories of labs' sockets.
    """

    process: Counter[str]
    namespace: Counter[str]
    mount: Counter[str]
    address: Counter[str]
    rule: Counter[str]
    group: Counter[str]
    descriptor: Counter[str]
    token: Counter[str]
    file: Counter[str]

    def left_since(self, before: Inventory) -> list[str]:
        """Return a sentence for each thing of which there is more than before."""
        found = []
        for field in fields(self):
            now, then = getattr(self, field.name), getattr(before, field.name)
            found += [
                f"A {field.name} is left: {what} ({then[what]} before, {now[what]} now)."
                for what in sorted(now - then)
            ]
        return found

    def gone_since(self, before: Inventory) -> list[str]:
        """Return a sentence for each thing that has to be there, and is not there any more."""
        found = []
        for name in ("process", "mount", "address", "rule", "group"):
            now, then = getattr(self, name), getattr(before, name)
            found += [
                f"A {name} is missing: {what} ({then[what]} before, {now[what]} now)."
                for what in sorted(then - now)
            ]
        return found

    def __str__(self) -> str:
        return ", ".join(f"{f.name}: {getattr(self, f.name).total()}" for f in fields(self))


def assert_nothing_is_left(
    state_dir: Path, before: Inventory, *, seconds: float = PATIENCE
) -> None:
    """Wait until a platform holds what it held before; fail with what it holds besides."""
    differences = ["It has not been counted yet."]

    def is_as_before() -> bool:
        now = take_inventory(state_dir)
        differences[:] = now.left_since(before) + now.gone_since(before)
        return not differences

    try:
        wait_for(is_as_before, seconds=seconds)
    except AssertionError:
        raise AssertionError("\n".join(differences)) from None


def take_inventory(state_dir: Path) -> Inventory:
    """Count what the platform of a state directory holds now."""
    found = processes_of(state_dir)
    return Inventory(
        process=Counter(process.title for process in found),
        namespace=_namespaces(found),
        mount=_mounts(found),
        address=_addresses(),
        rule=_rules(),
        group=_groups(state_dir),
        descriptor=_descriptors(found),
        token=_tokens(state_dir),
        file=_files(state_dir),
    )


# --- processes


def processes_of(state_dir: Path) -> list[Process]:
    """Return a platform's processes and those of its labs, in no order.

    Notes
    -----
    They know the state directory from their command line or their variables, or have a file in it
    open, or are in a control group of the platform's; and so are their descendants, and whatever
    shares a session, or a namespace that is not the machine's, with one of them.
    """
    everything = {process.pid: process for process in _all_processes(state_dir)}
    group = groups.name_of_platform(state_dir)
    found = {pid for pid in everything if _knows(pid, str(state_dir), group)}
    spaces = {pid: _own_namespaces(process) for pid, process in everything.items()}
    own = _session_of_this()
    while True:
        sessions = {everything[pid].session for pid in found} - own
        inside = set().union(*(spaces[pid] for pid in found))
        more = {
            pid
            for pid, process in everything.items()
            if process.parent in found or process.session in sessions or spaces[pid] & inside
        }
        if more <= found:
            break
        found |= more
    return [everything[pid] for pid in found if not _NOT_OURS.search(everything[pid].command)]


def _session_of_this() -> set[int]:
    return {0, os.getsid(0)}


def _all_processes(state_dir: Path) -> Iterator[Process]:
    components = _components(state_dir)
    for folder in _PROC.iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with suppress(OSError):
                name, _, rest = (folder / "stat").read_text().rpartition(")")
                state, parent, _, session = rest.split()[:4]
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                name = name.partition("(")[2]
                pid = int(folder.name)
                yield Process(
                    pid,
                    int(parent),
                    int(session),
                    f"ended {name}" if state in "ZX" else name,
                    command.replace(str(state_dir), "STATE").strip(),
                    components.get(pid, "up" if _UP.search(command) else ""),
                )


def _components(state_dir: Path) -> dict[int, str]:
    found = {}
    for file in (state_dir / "run" / "processes").glob("[!.]*"):
        with suppress(OSError, ValueError, IndexError):
            found[int(file.read_text().split()[0])] = file.name
    return found


def _knows(pid: int, state_dir: str, group: str) -> bool:
    folder = _PROC / str(pid)
    try:
        texts = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
        if any(state_dir.encode() in text for text in texts):
            return not _NOT_OURS.search(texts[0].replace(b"\0", b" ").decode(errors="replace"))
        if f"/{group}/" in (folder / "cgroup").read_text():
            return True
        opened = [os.readlink(link) for link in (folder / "fd").iterdir()]  # noqa: PTH115
    except OSError:
        return False
    # A test's own process has the platform's output open, beside the state directory.
    return any(path.startswith(f"{state_dir}/") for path in opened)


def _own_namespaces(process: Process) -> set[str]:
    return set(process.namespaces()) - _of_the_machine()


def _of_the_machine() -> set[str]:
    return {os.readlink(link) for link in Path("/proc/self/ns").iterdir()}  # noqa: PTH115


# --- what processes hold


def _namespaces(found: list[Process]) -> Counter[str]:
    """Count namespaces that a process is in, holds open, or that are mounted."""
    held = set().union(*(_own_namespaces(process) for process in found))
    for process in found:
        held |= {link for link in process.descriptors() if _NAMESPACE.match(link)}
    return Counter(link.partition(":")[0] for link in held - _of_the_machine())


def _mounts(found: list[Process]) -> Counter[str]:
    """Count mounts: the machine's by their place, those of other views by kind."""
    mounts: Counter[str] = Counter()
    here = os.readlink("/proc/self/ns/mnt")  # noqa: PTH115
    views = {}
    for process in found:
        with suppress(OSError):
            views[os.readlink(_PROC / str(process.pid) / "ns" / "mnt")] = process.pid  # noqa: PTH115
    for view, pid in {**views, here: os.getpid()}.items():
        with suppress(OSError):
            for line in (_PROC / str(pid) / "mountinfo").read_text().splitlines():
                words, kind = line.split(), line.partition(" - ")[2].split()[0]
                mounts[f"{kind} on {words[4]}" if view == here else f"{kind} in a view"] += 1
    return mounts


def _descriptors(found: list[Process]) -> Counter[str]:
    """Count the components' descriptors by component and kind."""
    sockets = _sockets()
    counts: Counter[str] = Counter()
    for process in found:
        if process.component:
            for link in process.descriptors():
                number = re.match(r"socket:\[(\d+)\]", link)
                what = sockets.get(number[1], "socket") if number else re.sub(r":\[\d+\]", "", link)
                if what:
                    counts[f"{process.component}: {what}"] += 1
    # A component opens each of its databases once, when it first needs it.
    for name in [name for name in counts if _DATABASE.search(name)]:
        counts[name] -= 1
    return +counts


def _sockets() -> dict[str, str]:
    """Return what each socket of the machine is, by its number; nothing for a TCP connection."""
    found = {}
    for table in _SOCKET_TABLES:
        with suppress(OSError):
            for line in (_PROC / "net" / table).read_text().splitlines()[1:]:
                words = line.split()
                number = words[6] if table == "unix" else words[9]
                if table not in _LISTENS:
                    found[number] = f"{table} socket"
                else:
                    listens = words[3] == _LISTENS[table]
                    found[number] = f"{table} socket that listens" if listens else ""
    return found


# --- the machine's network


def _addresses() -> Counter[str]:
    """Count interfaces, addresses and routes of the machine."""
    found = [line.partition(":")[0].strip() for line in _lines("net/dev")[2:]]
    found += [" ".join(line.split()) for line in _lines("net/fib_trie") if "/" in line]
    found += [line.split()[-1] + " " + line.split()[0] for line in _lines("net/if_inet6")]
    found += ["route " + " ".join(line.split()[:3]) for line in _lines("net/route")[1:]]
    return Counter(found)


def _lines(name: str) -> list[str]:
    try:
        return (_PROC / name).read_text().splitlines()
    except OSError:
        return []


def _rules() -> Counter[str]:
    """Count the lines of the packet filter; none where only root may read them."""
    nft = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if nft is None or os.geteuid() != 0:
        return Counter(_lines("net/ip_tables_names") + _lines("net/ip6_tables_names"))
    listed = subprocess.run([nft, "list", "ruleset"], capture_output=True, text=True, check=False)
    return Counter(line.strip() for line in listed.stdout.splitlines())


# --- what outlives processes


def _groups(state_dir: Path) -> Counter[str]:
    name = groups.name_of_platform(state_dir)
    unified = groups.is_unified(groups.ROOT)
    tops = [groups.ROOT] if unified else [groups.ROOT / name for name in groups.CONTROLLERS]
    return Counter(
        str(folder.relative_to(groups.ROOT))
        for top in tops
        for folder in ((top / name), *(top / name).rglob("*"))
        if folder.is_dir()
    )


_QUERIES = {
    "token of {}: {}": "SELECT coalesce(users.name, services.name), note FROM api_tokens "
    "LEFT JOIN users ON users.id = user_id LEFT JOIN services ON services.id = service_id",
    "OAuth client {}": "SELECT identifier FROM oauth_clients",
    "OAuth code of {}": "SELECT client_id FROM oauth_codes",
    "server at {}": "SELECT base_url FROM servers",
}


def _tokens(state_dir: Path) -> Counter[str]:
    if not (state_dir / "hub" / "jupyterhub.sqlite").exists():
        return Counter()
    database = f"file:{state_dir / 'hub' / 'jupyterhub.sqlite'}?mode=ro"
    with closing(sqlite3.connect(database, uri=True, timeout=30)) as connection:
        return Counter(
            words.format(*row)
            for words, query in _QUERIES.items()
            for row in connection.execute(query)
        )


def _files(state_dir: Path) -> Counter[str]:
    run = state_dir / "run"
    found = [
        str(path.relative_to(run)) for path in run.rglob("*") if "__pycache__" not in str(path)
    ]
    sockets = Path(tempfile.gettempdir()).glob(f"{groups.name_of_platform(state_dir)}-*")
    return Counter(found + ["a directory for a lab's sockets" for _ in sockets])
