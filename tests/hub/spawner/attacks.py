"""Attack one lab from another: ``python -m tests.hub.spawner.attacks MODE FOLDER``.

It prints, for each promise of ``docs/explanation/isolation.md``, whether this account enforces it and
whether it held. The labs are real: specified by `assemble`, started by `start_child`. They run the
scripts below instead of JupyterLab.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
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
REPOSITORY = Path(__file__).resolve().parents[3]
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

    def start(self, name: str, script: str, *arguments: str) -> tuple[ProcessPlace, Path]:
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
        runtime = "" if self.isolation.namespaces else create_runtime(owner)
        ids = owner or (os.geteuid(), os.getegid())
        request = LabRequest(name, ids, SIZE, "token", {}, dict(os.environ), groups, runtime)
        spec = assemble(self.site, self.isolation, request)
        command = (spec.command[0], "-c", script, *arguments, f"the-{name}")
        log = self.folder / f"{name}.log"
        process = start_process(log)
        record = ProcessPlace(process.pid, process.start_ticks, 0, groups, runtime=runtime)
        self.running.append((record, runtime))
        asyncio.run(process.become(replace(spec, command=command)))
        self._reap = process.ended
        return record, log

    def run(self, name: str, script: str, *arguments: str) -> str:
        """Run a script in a lab to its end; return what it said."""
        record, log = self.start(name, script, *arguments)
        ended = self._reap
        wait_for(lambda: ended() is not None, seconds=300, what=f"the end of {name}")
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


def attack(labs: Labs) -> dict[str, Callable[[], bool]]:
    """Return, by promise, what attacks it and returns whether it held."""
    port = free_port()
    victim, log = labs.start("victim", _VICTIM, str(port))
    wait_for(lambda: "ready" in log.read_text(), seconds=280, what="the victim")
    account = next(line for line in log.read_text().splitlines() if "ready" in line).split()[1]

    def own_address() -> bool:
        taken = free_port()
        _, said = labs.start("squatter", _SQUATTER, str(taken))
        wait_for(lambda: "ready" in said.read_text(), seconds=60, what="the squatter")
        assert find_listener(replace(victim, port=port))
        with contextlib.suppress(PortTakenError):
            find_listener(replace(victim, port=taken))
            return False
        return True

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
