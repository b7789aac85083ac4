"""What a hostile lab tries: each row of the isolation page's table, and the program that tries it.

Each attack returns how its `attempt` ended, and how its `control` did: the same program where nothing
is in its way, outside of labs or against what is the attacker's own. A control that fails shows
nothing but a broken test.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from firstlight_hub.spawner.fork_client import server_pid
from firstlight_hub.spawner.machine import program_directories
from tests.attacks import programs
from tests.attacks.bare_labs import machine_addresses
from tests.attacks.programs import DONE
from tests.attacks.site import Outcomes, Person, Site, outcomes_of
from tests.platform_under_test import free_port
from tests.waiting import wait_for

__all__ = ["ATTACKS", "Tries"]

OTHER_ACCOUNT = 300_001
"""That of an escaped lab, where labs have accounts of their own."""


AS_ROOT = ("unshare", "--user", "--map-root-user", "--net")
"""Runs a command with all privileges in namespaces of its own."""


def _need_namespaces() -> None:
    """Skip where a control cannot have namespaces to play in."""
    if subprocess.run([*AS_ROOT, "ip", "link"], capture_output=True, check=False).returncode:
        pytest.skip("this machine gives no namespaces to play with, or has no iproute2")


@dataclass(frozen=True)
class Tries:
    """How a program ended where it may do what it does, and in a hostile lab."""

    control: Outcomes
    attempt: Outcomes


ATTACKS: dict[str, Callable[[Site], Tries]] = {}


def attack(row: str) -> Callable[[Callable[[Site], Tries]], Callable[[Site], Tries]]:
    """Register what attacks a row of the page."""

    def register(function: Callable[[Site], Tries]) -> Callable[[Site], Tries]:
        ATTACKS[row] = function
        return function

    return register


# --- files


def _reading(site: Site, paths: list[str]) -> Tries:
    assert paths
    return Tries(
        site.outside("read", paths=paths), site.hostile.run("read", paths=paths, doors=True)
    )


@attack("Read another person's home")
def _(site: Site) -> Tries:
    secret = site.neighbour.home / "secret"
    site.neighbour.evaluate("open(os.path.expanduser('~/secret'), 'w').write('x')")
    # As another lab sees it, and where it is.
    seen = site.neighbour.run("read", paths=[f"/home/{site.neighbour.name}/secret"])
    tries = _reading(site, [str(secret)])
    hostile = site.hostile.run("read", paths=list(seen), doors=True)
    return Tries(tries.control | seen, tries.attempt | hostile)


@attack("Change another person's home")
def _(site: Site) -> Tries:
    paths = [str(site.neighbour.home)]
    return Tries(site.outside("write", paths=paths), site.hostile.run("write", paths=paths))


@attack("Read the platform's secrets or the hub's database")
def _(site: Site) -> Tries:
    secrets = sorted(str(path) for path in (site.state / "secrets").iterdir())
    return _reading(site, [*secrets, *site.exists("hub/jupyterhub.sqlite", "hub/people.sqlite")])


@attack("Read the platform's logs or another lab's")
def _(site: Site) -> Tries:
    logs = [str(site.hostile.log), str(site.neighbour.log)]
    return _reading(site, [*logs, *site.exists("logs/hub.log", "run/runtime.json")])


@attack("Change what labs or the platform run or read")
def _(site: Site) -> Tries:
    python = site.hostile.evaluate("import sys; print(sys.prefix)")
    tutorials = site.hostile.evaluate(
        "print(os.path.realpath(os.path.expanduser('~/tutorials-original')))"
    )
    # A lab has a /tmp of its own, so if the checkout is there, the lab may write to its own copy.
    ours = [path for path in program_directories() if not path.is_relative_to("/tmp")]
    paths = [python, tutorials, *map(str, ours)]
    paths += site.exists("data/sample/butler")
    control = site.outside("write", paths=site.exists("data/sample/butler"))
    return Tries(control, site.hostile.run("write", paths=paths))


@attack("Raise its own limits")
def _(site: Site) -> Tries:
    names = ("memory.max", "memory.limit_in_bytes", "pids.max", "cpu.max", "cpu.cfs_quota_us")
    outside = [
        path
        for folder in site.hostile.place.cgroup
        for name in names
        if (path := Path(folder, name)).exists()
    ]
    inside = site.hostile.evaluate(
        "import glob\n"
        f"print(*(path for name in {names!r} for path in"
        " [*glob.glob(f'/sys/fs/cgroup/{name}'), *glob.glob(f'/sys/fs/cgroup/*/{name}')]))"
    ).split()
    assert len(inside) == len(outside)
    return Tries(
        site.outside("write", paths=list(map(str, outside))),
        site.hostile.run("write", paths=inside),
    )


# --- processes


@attack("Find a token among the variables of other labs")
def _(site: Site) -> Tries:
    word = site.neighbour.variable("ACCESS_TOKEN")
    # A kernel that was forked shows none, but what it starts does.
    site.neighbour.evaluate("import subprocess; child = subprocess.Popen(['sleep', '600'])")
    try:
        return Tries(site.outside("find", word=word), site.hostile.run("find", word=word))
    finally:
        site.neighbour.evaluate("child.kill(); child.wait(); None")


@attack("Signal or inspect a process outside")
def _(site: Site) -> Tries:
    own = set(map(int, site.hostile.run("processes")))
    relays = {pid for pid in _pids(site.hostile) if _name(pid) == "lab-network"}
    components = {one["pid"] for one in site.platform.status()["components"] if one["pid"]}
    pids = sorted((_pids(site.neighbour) | relays | components) - own)
    assert len(pids) > 3
    return Tries(
        site.outside("touch_processes", pids=sorted(_pids(site.neighbour))),
        site.hostile.run("touch_processes", pids=pids),
    )


def _pids(person: Person) -> set[int]:
    """Return a lab's processes, with the ids that the machine gives them."""
    return {person.place.pid, *person.place.members()}


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


@attack("Signal all processes at once")
def _(site: Site) -> Tries:
    site.neighbour.run("count_wakes")
    site.hostile.run("count_wakes")
    site.hostile.run("wake_all")
    wait_for(lambda: site.hostile.run("wakes")["wakes"] != "0", what="the attacker's own signal")
    before = site.neighbour.run("wakes")["wakes"]
    site.neighbour.run("wake_all")
    wait_for(lambda: site.neighbour.run("wakes")["wakes"] != before, what="the neighbour's own")
    return Tries(
        {"own processes": DONE}, {"other labs": "no signal arrives" if before == "0" else DONE}
    )


@attack("Start processes without end")
def _(site: Site) -> Tries:
    most = 600  # a small lab may have 512
    return Tries(site.outside("fork_bomb", most=most), site.hostile.run("fork_bomb", most=most))


@attack("Use more memory than it has")
def _(site: Site) -> Tries:
    return Tries(
        site.hostile.run("eat", size=64 * 1024**2),
        site.hostile.run("eat", size=int(site.hostile.variable("MEM_LIMIT")) + 256 * 1024**2),
    )


@attack("Fill the machine's memory with files")
def _(site: Site) -> Tries:
    folders = ["/tmp", "/var/tmp", "/dev/shm"]
    memory = int(site.hostile.variable("MEM_LIMIT"))
    return Tries(
        site.hostile.run("fill", folders=folders, most=1024**2),
        site.hostile.run("fill", folders=folders, most=memory // 4 + 1024**2),
    )


@attack("Fill the disk from its home")
def _(site: Site) -> Tries:
    home = [site.hostile.variable("HOME")]
    size = 64 * 1024**2
    return Tries(
        site.hostile.run("fill", folders=home, most=1024**2),
        site.hostile.run("fill", folders=home, most=size),
    )


@attack("Fill the disk with its log")
def _(site: Site) -> Tries:
    most, word = 32 * 1024**2, f"line {uuid.uuid4()}"
    site.hostile.run("shout", line=word, most=0)
    wait_for(lambda: word in _log(site), what="a line in the log")
    site.hostile.run("shout", line="the end", most=most)
    wait_for(lambda: "of output dropped" in _log(site), what="the logger")
    sizes = [
        path.stat().st_size for path in site.hostile.log.parent.glob(f"{site.hostile.log.name}*")
    ]
    small = sum(sizes) < most // 2
    return Tries({"a line": DONE}, {"the rest": "of output dropped" if small else DONE})


@attack("Forge a line of the platform's in its log")
def _(site: Site) -> Tries:
    word = str(uuid.uuid4())
    site.hostile.run("shout", line=f"plain {word}", most=0)
    site.hostile.run("shout", line=f"! forged {word}", most=0)
    wait_for(lambda: f"forged {word}" in _log(site), what="the line in the log")
    lines = _log(site).splitlines()
    forged = f"! forged {word}" in lines
    assert forged or f" ! forged {word}" in lines
    return Tries(
        {"plain": DONE if f"plain {word}" in lines else "changed"},
        {"forged": DONE if forged else "indented by a space"},
    )


def _log(site: Site) -> str:
    files = sorted(site.hostile.log.parent.glob(f"{site.hostile.log.name}*"))
    return "".join(path.read_text(errors="replace") for path in files)


# --- what kernels and terminals are made of


@attack("Listen to another lab's kernels")
def _(site: Site) -> Tries:
    kernel = site.neighbour.evaluate(
        "from ipykernel.kernelapp import IPKernelApp; print(IPKernelApp.instance().ip)"
    )
    paths = [f"{kernel}-{number}" for number in range(1, 6)]
    return Tries(
        site.neighbour.run("connect_paths", paths=paths),
        site.hostile.run("connect_paths", paths=paths),
    )


@attack("Open the terminal of another lab or of the operator")
def _(site: Site) -> Tries:
    theirs = [site.neighbour.run("open_terminal")["name"]]
    ends = os.openpty()
    try:
        operators = [os.ttyname(ends[1])]
        return Tries(
            site.neighbour.run("read_terminals", names=theirs)
            | site.outside("read_terminals", names=operators),
            site.hostile.run("read_terminals", names=[*theirs, *operators]),
        )
    finally:
        for end in ends:
            os.close(end)


@attack("Attach shared memory of another lab")
def _(site: Site) -> Tries:
    key = os.getpid()
    site.neighbour.run("share_memory", key=key)
    try:
        return Tries(
            site.neighbour.run("attach_memory", key=key),
            site.hostile.run("attach_memory", key=key),
        )
    finally:
        site.neighbour.run("drop_memory", key=key)


@attack("Read the operator's keys in the kernel")
def _(site: Site) -> Tries:
    name = f"firstlight-{uuid.uuid4()}"
    added = site.outside("add_key", name=name)
    if set(added.values()) <= {"Function not implemented", "Operation not permitted"}:
        pytest.skip("this machine has no keys in its kernel, or closes them to everybody")

    def read_outside() -> Outcomes:
        # The keyring may go with the last process of the account: so add it again.
        tried = site.outside("add_key", name=name) | site.outside("read_key", name=name)
        return tried if set(tried.values()) == {DONE} else {}

    control = wait_for(read_outside, what="the key to be read outside")
    return Tries(control, site.hostile.run("read_key", name=name))


@attack("Get privileges: namespaces, mounts, another account, raw packets")
def _(site: Site) -> Tries:
    _need_namespaces()
    return Tries(site.outside("escalate", AS_ROOT), site.hostile.run("escalate"))


# --- connections


@attack("Connect to another lab, a component or a service of the machine")
def _(site: Site) -> Tries:
    components = [site.platform.component(name) for name in ("proxy", "tap", "butler", "portal")]
    ports = [site.neighbour.place.port, *(urlsplit(one["url"]).port for one in components)]
    with _service() as database:
        addresses = [("127.0.0.1", port) for port in (*ports, database)]
        own = [address for address in machine_addresses() if not address.startswith("127.")]
        addresses += [(address, database) for address in own]
        return Tries(
            site.outside("connect", addresses=addresses),
            site.hostile.run("connect", addresses=addresses),
        )


@contextmanager
def _service() -> Iterator[int]:
    """Serve on all addresses of the machine, as a database that trusts it would."""
    word = f"firstlight-{uuid.uuid4()}"
    port = free_port()
    code = (
        "import sys\n"
        "from tests.attacks import programs\n"
        f"programs.serve({port}, {word!r})\n"
        "sys.stdin.read()"
    )
    server = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    try:
        wait_for(lambda: programs.connect([("127.0.0.1", port)]) == {f"127.0.0.1 {port}": DONE})
        yield port
    finally:
        server.communicate()
        server.kill()


@attack("Connect to an abstract socket of another lab or of the machine")
def _(site: Site) -> Tries:
    word = f"firstlight-{uuid.uuid4()}"
    site.neighbour.run("serve", port=free_port(), word=word)
    with socket.socket(socket.AF_UNIX) as machines:
        machines.bind(f"\0{word}-machine")
        machines.listen()
        theirs, others = [f"@{word}"], [f"@{word}-machine"]
        return Tries(
            site.neighbour.run("connect_paths", paths=theirs)
            | site.outside("connect_paths", paths=others),
            site.hostile.run("connect_paths", paths=[*theirs, *others]),
        )


@attack("Connect to a cloud's metadata service or a private network")
def _(site: Site) -> Tries:
    addresses = ["169.254.169.254", "10.99.0.5", "fd00:ec2::254", "fd00:20::5"]
    tried = [(address, 80) for address in addresses]
    _need_namespaces()
    return Tries(_in_a_world(addresses), site.hostile.run("connect", addresses=tried))


def _in_a_world(addresses: list[str]) -> Outcomes:
    """Connect where these addresses answer: in a network of its own, which leads nowhere."""
    given = "; ".join(
        f"ip address add {address} dev lo {'nodad' if ':' in address else ''}"
        for address in addresses
    )
    tried = [(address, 80) for address in addresses]
    code = (
        "import json, threading\n"
        "from tests.attacks import programs\n"
        "import socket\n"
        "def serve(family, address):\n"
        "    server = socket.create_server((address, 80), family=family)\n"
        "    while True:\n"
        "        connection, _ = server.accept()\n"
        "        connection.recv(100)\n"
        "        connection.sendall(b'secret')\n"
        "for one in ((socket.AF_INET, ''), (socket.AF_INET6, '::')):\n"
        "    threading.Thread(target=serve, args=one, daemon=True).start()\n"
        f"tried = {tried!r}\n"
        "while set((found := programs.connect(tried)).values()) != {programs.DONE}: pass\n"
        "print(json.dumps(found))"
    )
    prepare = f'ip link set lo up; {given}; exec "$@"'
    command = [*AS_ROOT, "sh", "-c", prepare, "sh", sys.executable, "-c", code]
    return outcomes_of(command, seconds=60)


@attack("Listen on the port of another lab or of a component")
def _(site: Site) -> Tries:
    ports = (site.neighbour.place.port, urlsplit(site.platform.component("proxy")["url"]).port or 0)
    control, attempt = {}, {}
    for port in ports:
        word = f"squatter {uuid.uuid4()}"
        site.hostile.run("serve", port=port, word=word)
        inside = site.hostile.run("ask", port=port)["answer"]
        control[str(port)] = DONE if inside == word else inside
        outside = site.outside("ask", port=port)["answer"]
        attempt[str(port)] = DONE if word in outside else "nobody connects"
    site.hostile.run("stop_serving")
    return Tries(control, attempt)


# --- tokens


def _tokens(site: Site) -> list[str]:
    """Return the tokens that a lab has."""
    return [site.hostile.variable(name) for name in ("JUPYTERHUB_API_TOKEN", "ACCESS_TOKEN")]


def _with_tokens(
    site: Site, requests: list[tuple[str, str]], scheme: str, headers: dict[str, str]
) -> Outcomes:
    found: Outcomes = {}
    for name, token in zip(("the hub's", "the data services'"), _tokens(site), strict=True):
        given = {"Authorization": f"{scheme} {token}", **headers}
        answers = site.hostile.run("request", requests=requests, headers=given)
        found |= {f"{what} with {name} token": status for what, status in answers.items()}
    return found


@attack("Use the hub's API as somebody else or as an administrator")
def _(site: Site) -> Tries:
    api = site.hostile.variable("JUPYTERHUB_API_URL")
    them, me = (f"{api}/users/{one.name}" for one in (site.neighbour, site.hostile))
    # The operator changes nothing with these.
    requests = [
        (f"GET {api}/users", ""),
        (f"GET {them}", ""),
        (f"GET {them}/tokens", ""),
        (f"POST {them}/tokens", '{"expires_in": 60}'),
        (f"POST {api}/firstlight/links", '{"user": "somebody", "admin": false}'),
    ]
    more = [
        (f"DELETE {them}/server", ""),
        (f"PATCH {me}", '{"admin": true}'),
        (f"POST {me}/tokens", '{"scopes": ["admin:users"]}'),
        (f"POST {api}/users/intruder", "{}"),
        (f"GET {api}/proxy", ""),
        (f"POST {api}/shutdown", "{}"),
    ]
    operator = {"Authorization": f"token {site.platform.secret('service_operator')}"}
    return Tries(
        site.outside("request", requests=requests, headers=operator),
        _with_tokens(site, [*requests, *more], "token", {}),
    )


@attack("Use another person's lab")
def _(site: Site) -> Tries:
    lab = urlsplit(site.platform.lab(site.neighbour.name))
    # A lab resolves no name below localhost, but it can write the header that a browser would.
    base, host = f"{site.platform.inner}{lab.path}", {"Host": lab.netloc}
    requests = [
        (f"GET {base}/api/contents", ""),
        (f"GET {base}/api/kernels", ""),
        (f"POST {base}/api/terminals", "{}"),
    ]
    theirs = {"Authorization": f"token {site.neighbour.variable('JUPYTERHUB_API_TOKEN')}"}
    return Tries(
        site.outside("request", requests=requests, headers=theirs | host),
        _with_tokens(site, requests, "token", host),
    )


@attack("Use the proxy's API")
def _(site: Site) -> Tries:
    api = site.platform.component("proxy")["url"].rstrip("/")
    routes = [(f"GET {api}/api/routes", "")]
    proxy = {"Authorization": f"token {site.platform.secret('proxy_token')}"}
    # From the lab, and then as if its network were open.
    outside: Outcomes = {}
    for number, token in enumerate(_tokens(site)):
        headers = {"Authorization": f"token {token}"}
        found = site.outside("request", requests=routes, headers=headers)
        outside |= {f"{what} outside {number}": status for what, status in found.items()}
    return Tries(
        site.outside("request", requests=routes, headers=proxy),
        _with_tokens(site, routes, "token", {}) | outside,
    )


# --- the fork server

_VALID = '{"kind": "lab", "log": "/dev/null"}\n'


@attack("Connect to the fork server or another socket of the platform")
def _(site: Site) -> Tries:
    found = [path for path in site.state.rglob("*") if path.is_socket()]
    paths = sorted(map(str, found))
    assert any(path.endswith("forks/socket") for path in paths)
    return Tries(
        site.outside("connect_paths", paths=paths),
        site.hostile.run("connect_paths", paths=paths),
    )


@attack("Send the fork server a request from a process that has escaped")
def _(site: Site) -> Tries:
    (path,) = site.exists("run/forks/socket")
    control = site.outside("forge", path=path, messages=[_VALID], descriptors=1)
    if site.ordinary:  # the same account
        return Tries(control, control)
    attempt = _as_another_account(path)
    folder, server = Path(path).parent, Path(path)
    before = folder.stat().st_mode, server.stat().st_mode
    folder.chmod(0o755)
    server.chmod(0o666)
    try:
        attempt |= {"through an open door": next(iter(_as_another_account(path).values()))}
    finally:
        folder.chmod(before[0])
        server.chmod(before[1])
    return Tries(control, attempt)


def _as_another_account(path: str) -> Outcomes:
    """Send a request with a lab's account."""

    def send() -> str:
        # The state directory's parents are the tests'; an installation's are open.
        os.chdir(Path(path).parents[1])
        os.setgroups([])
        os.setresuid(OTHER_ACCOUNT, OTHER_ACCOUNT, OTHER_ACCOUNT)
        return next(iter(programs.forge("forks/socket", [_VALID], 1).values()))

    # The child becomes no other program: this interpreter may be closed to other accounts.
    return {_VALID: programs.told_by_child(send)}


@attack("Send the fork server a forged message")
def _(site: Site) -> Tries:
    (path,) = site.exists("run/forks/socket")
    server = server_pid(Path(path))
    forged = ["{}\n", "[[[\n", '{"kind": "lab", "log": "x"}', '{"kind": "root", "log": "x"}\n']
    attempt = site.outside("forge", path=path, messages=forged, descriptors=1)
    attempt |= site.outside("forge", path=path, messages=[_VALID], descriptors=2)
    control = site.outside("forge", path=path, messages=[_VALID], descriptors=1)
    assert server_pid(Path(path)) == server
    return Tries(control, attempt)
