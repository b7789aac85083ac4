"""Attack one lab from another: ``python -m tests.attacks.bare_labs MODE FOLDER``.

It prints, for each promise of ``docs/explanation/isolation.md``, whether this account enforces it and
whether it held. The labs are real: specified by `assemble`, started by `start_child`. They run the
scripts below instead of JupyterLab.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from firstlight_hub.settings.model import LabSize
from firstlight_hub.spawner import cgroups, processes
from firstlight_hub.spawner.assembly import LabRequest, LabSite, assemble
from firstlight_hub.spawner.ends import oom_kills
from firstlight_hub.spawner.homes import create_runtime, ensure_home, remove_runtime
from firstlight_hub.spawner.listeners import PortTakenError, find_listener
from firstlight_hub.spawner.machine import (
    closed_directories,
    inspect,
    probe,
    resolver_directories,
)
from firstlight_hub.spawner.places import ProcessPlace
from firstlight_hub.spawner.policy import decide_isolation, guarantees
from firstlight_hub.spawner.start_parent import start_process
from tests.platform_under_test import free_port, wait_for
from tests.runtimes import runtime_of

NO_LABS = 77
"""The exit status if this machine cannot run labs in this mode: their interpreter is in a directory
that other accounts cannot enter."""
REPOSITORY = Path(__file__).resolve().parents[2]
SIZE = LabSize(name="tiny", title="Tiny", cpu=0.5, memory=512 * 1024**2, processes=100)

_VICTIM = """
import os, pathlib, socket, sys
pathlib.Path.home().joinpath("secret").write_text("of the victim")
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel(startup_timeout=240)
client.execute("import time\\nwhile True:\\n    print('secret output', flush=True)\\n    time.sleep(0.1)")
print("ready", os.getuid(), flush=True)
manager.provisioner.process.wait()
"""

_ACCOUNT = "import os; print(os.getuid())"

_FILES = """
import contextlib, glob, sys
names = [sys.argv[1] + "/homes/victim/secret", sys.argv[1] + "/secrets/key"]
for root in ("", *glob.glob("/proc/[0-9]*/root")):
    for name in names:
        with contextlib.suppress(OSError):
            print("read", open(root + name).read())
print("done")
"""

_PROCESSES = """
import contextlib, glob, os, sys
victim = b"-".join((b"the", b"victim"))  # this script itself is in a command line
for name in glob.glob("/proc/[0-9]*/cmdline"):
    with contextlib.suppress(OSError):
        if victim in open(name, "rb").read():
            print("seen", name)
            os.kill(int(name.split("/")[2]), 0)
            print("could signal")
print("done")
"""

_KERNELS = """
import time, zmq
context = zmq.Context()
subscriber = context.socket(zmq.SUB)
subscriber.subscribe(b"")
addresses = set()
for line in open("/proc/net/tcp").read().splitlines()[1:]:
    fields = line.split()
    if fields[3] == "0A":
        addresses.add("tcp://127.0.0.1:%d" % int(fields[1].split(":")[1], 16))
for line in open("/proc/net/unix").read().splitlines()[1:]:
    fields = line.split()
    if len(fields) == 8 and "-ipc-" in fields[7]:
        addresses.add("ipc://" + fields[7])
for address in addresses:
    try:
        subscriber.connect(address)
    except zmq.ZMQError:
        pass
print("tried", len(addresses))
end = time.monotonic() + 10
while time.monotonic() < end:
    if subscriber.poll(200) and b"secret output" in b"".join(subscriber.recv_multipart()):
        print("heard")
        break
print("done", flush=True)
import os; os._exit(0)
"""

_SQUATTER = """
import socket, sys, time
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
time.sleep(600)
"""

_NEIGHBOUR = """
import socket, sys, threading
touched = 0
def serve(server):
    global touched
    while True:
        connection = server.accept()[0]
        touched += 1
        connection.recv(1)  # or the kernel resets the connection before the answer is read
        connection.sendall(b"%d" % touched)
paths = socket.socket(socket.AF_UNIX)
paths.bind("\\0" + sys.argv[2])
paths.listen()
threading.Thread(target=serve, args=(paths,), daemon=True).start()
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
serve(server)
"""

_REACH = """
import json, socket, sys
port, name, addresses = int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
def attempt(kind, family, address, source=None, datagram=False):
    try:
        with socket.socket(family, socket.SOCK_DGRAM if datagram else socket.SOCK_STREAM) as one:
            one.settimeout(3)
            if source:
                one.bind((source, 0))
            one.connect(address)
            one.sendall(b"x")
            print("reached" if one.recv(100) else "closed", kind, address)
    except OSError as error:
        print("failed", kind, address, error)
if name:
    attempt("path", socket.AF_UNIX, "\\0" + name)
for address in addresses:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    attempt("tcp", family, (address, port))
    attempt("udp", family, (address, port), datagram=True)
    attempt("forged source", family, (address, port), source=address)
for family, kind, protocol in (
    (socket.AF_INET, socket.SOCK_RAW, 1),
    (socket.AF_INET6, socket.SOCK_RAW, 58),
    (socket.AF_PACKET, socket.SOCK_RAW, 0x300),
):
    try:
        socket.socket(family, kind, protocol)
        print("reached with a raw socket")
    except OSError as error:
        print("failed", error)
print("done")
"""

_NAMESPACES = """
import os
try:
    os.unshare(os.CLONE_NEWUSER)
    print("made")
except OSError as error:
    print("refused", error)
"""

_MEMORY = "x = bytearray(2 * 1024**3); x[::4096] = b'1' * len(x[::4096]); print('survived')"

_CPU = """
import multiprocessing, time
def burn():
    while True: pass
burners = [multiprocessing.Process(target=burn, daemon=True) for _ in range(2)]
for one in burners: one.start()
time.sleep(1)
def used():
    return sum(sum(map(int, open(f"/proc/{one.pid}/stat").read().rsplit(")")[1].split()[11:13])) for one in burners)
begun, before = time.monotonic(), used()
time.sleep(4)
print("cores", (used() - before) / 100 / (time.monotonic() - begun))
for one in burners: one.kill()
"""

_PROCESS_LIMIT = """
import os, time
made = []
try:
    for _ in range(400):
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
        made.append(child)
    print("made all")
except OSError as error:
    print("refused", len(made))
for child in made: os.kill(child, 9)
"""


@dataclass
class Labs:
    """Starts labs of one mode of isolation."""

    mode: str
    folder: Path

    def __post_init__(self) -> None:
        self.can = probe()
        self.isolation = decide_isolation(self.mode, self.can)
        python = REPOSITORY / ".venv-labs" / "bin" / "python"
        installation, tutorials = inspect(python), REPOSITORY / "tutorials"
        self.state = self.folder / "state"
        (self.state / "secrets").mkdir(parents=True)
        (self.state / "secrets" / "key").write_text("of the platform")
        self.state.chmod(0o711)
        (self.state / "secrets").chmod(0o700)
        self.site = LabSite(
            state_dir=self.state,
            tutorials_dir=tutorials,
            runtime=runtime_of(state_dir=self.state).model_copy(update={"datasets": ()}),
            installation=installation,
            closed=closed_directories((*installation.paths, tutorials)),
            home_of_operator=Path.home(),
            passwd=Path("/etc/passwd").read_text(),
            group=Path("/etc/group").read_text(),
            resolver=resolver_directories(),
        )
        self.running: list[tuple[ProcessPlace, str]] = []
        self.hub_variables: dict[str, str] = {}

    def start(
        self, name: str, script: str, *arguments: str, port: int = 0
    ) -> tuple[ProcessPlace, Path]:
        """Start a lab that runs a Python script; return its record and its log."""
        number = 300_000 + len(self.running)
        owner = (number, number) if self.isolation.account else None
        ensure_home(self.state / "homes", name, owner)
        groups: tuple[str, ...] = ()
        if self.isolation.controllers:
            limits = cgroups.Limits(SIZE.memory, SIZE.cpu, SIZE.processes)
            hierarchy = cgroups.find_hierarchy()
            made = hierarchy.create(f"firstlight-attack-{os.getpid()}", name, limits)
            groups = tuple(map(str, made))
            hierarchy.settle(groups, limits)
        runtime = "" if self.isolation.namespaces else create_runtime(self.state, name, owner)
        ids = owner or (os.geteuid(), os.getegid())
        hub, inherited = self.hub_variables, dict(os.environ)
        request = LabRequest(name, ids, SIZE, "token", hub, inherited, groups, runtime, port=port)
        spec = assemble(self.site, self.isolation, request)
        command = (spec.command[0], "-c", script, *arguments, f"the-{name}")
        log = self.folder / f"{name}.log"
        process = start_process(log)
        record = ProcessPlace(process.pid, process.start_ticks, port, groups, runtime=runtime)
        self.running.append((record, runtime))
        asyncio.run(process.become(replace(spec, command=command)))
        self._process = process
        return record, log

    def run(self, name: str, script: str, *arguments: str) -> str:
        """Run a script in a lab to its end; return what it said."""
        record, log = self.start(name, script, *arguments)
        process = self._process
        wait_for(lambda: process.ended() is not None, seconds=300, what=f"the end of {name}")
        process.wait_for_log(60)
        return log.read_text() + f"\noom {oom_kills(record.cgroup)}"

    def end(self) -> None:
        """End all labs."""
        for record, runtime in self.running:
            for _ in range(200):
                left = record.members() | ({record.pid} if record.is_alive() else set())
                if not left:
                    break
                processes.kill(left)
                time.sleep(0.02)
            cgroups.remove(record.cgroup)
            remove_runtime(runtime)


def own_addresses() -> list[str]:
    """Return addresses that lead to this machine, in several spellings."""
    loopback = {"127.0.0.1", "127.1.2.3", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"}
    return sorted(loopback.union(machine_addresses()))


def machine_addresses() -> list[str]:
    """Return the addresses from which this machine reaches others."""
    found = []
    for family, anywhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as trial:
            trial.connect((anywhere, 9))  # this sends nothing
            found.append(str(trial.getsockname()[0]))
    return found


def answer_of(address: str, port: int) -> bytes:
    """Return what is answered there; nothing if nobody answers."""
    try:
        with socket.create_connection((address, port), timeout=5) as trial:
            trial.sendall(b"x")
            return trial.recv(100)
    except OSError:
        return b""


@contextlib.contextmanager
def serving(addresses: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Serve on a port of addresses of this machine; yield the port and who was touched."""
    touched: list[str] = []
    port = free_port()

    def serve(server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, sender = server, None
                if server.type == socket.SOCK_DGRAM:
                    _, sender = server.recvfrom(100)
                else:
                    connection, _ = server.accept()
                touched.append(str(server.getsockname()))  # before the answer
                if sender:
                    connection.sendto(b"secret", sender)
                else:
                    connection.recv(100)
                    connection.sendall(b"secret")

    with contextlib.ExitStack() as stack:
        for address in addresses:
            if address in {"0.0.0.0", "::", "::ffff:127.0.0.1"}:
                continue  # these lead to the others
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                server = stack.enter_context(socket.socket(family, kind))
                server.bind((address, port))
                if kind == socket.SOCK_STREAM:
                    server.listen()
                threading.Thread(target=serve, args=(server,), daemon=True).start()
        yield port, touched


def attack(labs: Labs) -> dict[str, Callable[[], bool]]:
    """Return, by promise, what attacks it and returns whether it held."""
    port = free_port()
    victim, log = labs.start("victim", _VICTIM, str(port), port=port)
    wait_for(lambda: "ready" in log.read_text(), seconds=280, what="the victim")
    account = next(line for line in log.read_text().splitlines() if "ready" in line).split()[1]

    def own_address() -> bool:
        taken = free_port()
        _, said = labs.start("squatter", _SQUATTER, str(taken))
        wait_for(lambda: "ready" in said.read_text(), seconds=60, what="the squatter")
        wait_for(lambda: find_listener(victim), what="the victim's port")
        with contextlib.suppress(PortTakenError):
            found = find_listener(replace(victim, port=taken))
            # In a network of its own, it has another port of the same number.
            return labs.isolation.network and not found
        return True

    def untouched() -> bool:
        port, name = free_port(), f"firstlight-attack-{os.getpid()}"
        labs.start("neighbour", _NEIGHBOUR, str(port), name, port=port)
        # That its port leads there shows that the attack could succeed.
        before = wait_for(lambda: answer_of("127.0.0.1", port), what="the neighbour")
        said = labs.run("intruder", _REACH, str(port), name, json.dumps(own_addresses()))
        assert "done" in said, said
        after = answer_of("127.0.0.1", port)
        return "reached" not in said and int(after) == int(before) + 1

    def kept_in() -> bool:
        with serving(own_addresses()) as (port, touched):
            assert answer_of("127.0.0.1", port)
            touched.clear()
            said = labs.run("fugitive", _REACH, str(port), "", json.dumps(own_addresses()))
        assert "done" in said, said
        return "reached" not in said and not touched

    def cores() -> float:
        said = labs.run("burner", _CPU)
        return float(next(x for x in said.splitlines() if x.startswith("cores")).split()[1])

    def unheard() -> bool:
        said = labs.run("listener", _KERNELS)
        assert "done" in said, said
        return "heard" not in said

    return {
        "Own account": lambda: labs.run("other", _ACCOUNT).split()[0] not in {account, "0"},
        "Private files": lambda: labs.run("reader", _FILES, str(labs.state)).split()[0] == "done",
        "Private processes": lambda: labs.run("watcher", _PROCESSES).split()[0] == "done",
        "Private kernels": unheard,
        "Own address": own_address,
        "No user namespaces": lambda: "refused" in labs.run("nested", _NAMESPACES),
        "Memory limit": lambda: (
            "survived" not in (said := labs.run("eater", _MEMORY)) and "oom 0" not in said
        ),
        "CPU limit": lambda: cores() < 1.5 * SIZE.cpu,
        "Process limit": lambda: "refused" in labs.run("forker", _PROCESS_LIMIT),
        "Network between labs": untouched,
        "Outgoing connections": kept_in,
    }


@contextlib.contextmanager
def labs_of(mode: str, folder: Path) -> Iterator[Labs]:
    """Yield labs that end with the block."""
    labs = Labs(mode, folder)
    try:
        yield labs
    finally:
        labs.end()


def main() -> None:
    """Attack what is enforced, and print the results as JSON."""
    mode, folder = sys.argv[1], Path(sys.argv[2])
    with labs_of(mode, folder) as labs:
        if labs.isolation.account and not labs.isolation.namespaces and labs.site.closed:
            sys.exit(NO_LABS)
        attacks = attack(labs)
        found = {}
        for promise in guarantees(mode, labs.can):
            held = promise.enforced and attacks[promise.name]()
            found[promise.name] = {"enforced": promise.enforced, "held": held}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
