"""A machine with labs, and the world around it, in network namespaces of their own.

``python -m tests.hub.spawner.world FOLDER`` in a new network namespace, where this process may
create interfaces: it becomes the machine, a child becomes the world, and what each kind of lab
reached is printed as JSON. With the argument ``labs`` instead, it only starts the labs.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

from firstlight_hub.settings.model import Spawner
from firstlight_hub.spawner.policy import destinations
from firstlight_hub.spawner.start_relay import nameservers
from tests.attacks.bare_labs import labs_of
from tests.platform_under_test import wait_for

MACHINE, MACHINE_6 = "198.51.100.1", "fd77::1"
PUBLIC, HUB, SECRET = 8000, 8081, 5432
WORLD = (
    "8.8.8.8",
    "10.20.0.5",
    "10.99.0.5",
    "100.64.0.9",
    "169.254.169.254",
    "2001:4860:4860::8888",
    "fd00:20::5",
    "fd00:ec2::254",
)
#: Addresses to try, by what they are.
TARGETS = {
    "the public address": ("localhost", PUBLIC),
    "the public address by number": ("127.0.0.1", PUBLIC),
    "the hub": ("127.0.0.1", HUB),
    "a database of the machine": ("127.0.0.1", SECRET),
    "a database of the machine, IPv6": ("::1", SECRET),
    "the machine's address": (MACHINE, SECRET),
    "the machine's address, IPv6": (MACHINE_6, SECRET),
    "a name": ("anything.test", 443),
    "the platform's name": ("platform.test", 80),
    "the platform's name, another port": ("platform.test", 443),
    **{f"{address} {port}": (address, port) for address in WORLD for port in (80, 443, 5432)},
}
PRIVATE_URL = "http://platform.test"
SITES = {
    "on": ({"internet": "on"}, ""),
    "off": ({"internet": "off"}, ""),
    "private": ({"internet": "off"}, PRIVATE_URL),
    "list": (
        {
            "internet": [
                {"network": "internet", "ports": [443]},
                {"network": "10.20.0.0/16"},
                {"network": "fd00:20::/32", "ports": [443]},
            ]
        },
        "",
    ),
    "all": ({"internet": [{"network": "0.0.0.0/0"}, {"network": "::/0"}]}, ""),
}

_TRY = """
import json, socket, sys
found = {}
for name, (host, port) in json.loads(sys.argv[1]).items():
    try:
        with socket.create_connection((host, port), timeout=20) as one:
            one.sendall(b"x")
            one.shutdown(socket.SHUT_WR)
            found[name] = one.recv(100).decode()
    except OSError as error:
        found[name] = ""
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    one.settimeout(5)
    one.connect(("127.0.0.53", 53))
    one.send(bytes.fromhex("abcd01000001000000000000016101620000010001"))
    found["a resolver on loopback"] = one.recv(100)[:2].hex()
for family, bound, address in (
    (socket.AF_INET, "198.51.100.1", "198.51.100.1"),
    (socket.AF_INET6, "::", "fd77::1"),
):
    with socket.create_server((bound, 7777), family=family) as own:
        with socket.create_connection((address, 7777), timeout=20) as one:
            own.accept()
            found["itself at " + address] = "yes"
print("found", json.dumps(found), flush=True)
"""


def serve(family: int, address: str, port: int, word: str) -> None:
    """Answer each connection, once its client is done, with a word."""
    server = socket.create_server((address, port), family=family, reuse_port=False)

    def answer() -> None:
        while True:
            client, _ = server.accept()
            with client, contextlib.suppress(OSError):
                while client.recv(100):
                    pass
                client.sendall(word.encode())

    threading.Thread(target=answer, daemon=True).start()


def serve_names(address: str) -> None:
    """Answer every query for an IPv4 address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    server = socket.socket(family, socket.SOCK_DGRAM)
    server.bind((address, 53))

    def answer() -> None:
        while True:
            query, client = server.recvfrom(1000)
            name = query[12 : query.index(b"\0", 12)]
            wanted = query[len(name) + 13 : len(name) + 15]
            question = query[12 : len(name) + 17]
            record, count = b"", 0
            if wanted == b"\0\1":  # an IPv4 address
                found = "10.99.0.5" if b"platform" in name else "8.8.8.8"
                record = bytes.fromhex("c00c0001000100000005") + b"\0\4" + socket.inet_aton(found)
                count = 1
            head = query[:2] + bytes.fromhex("81800001") + bytes([0, count]) + bytes(4)
            server.sendto(head + question + record, client)

    threading.Thread(target=answer, daemon=True).start()


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def be_the_world(ready: int, machine: int) -> None:
    """Have all addresses of the world, as long as there is a machine."""
    os.unshare(os.CLONE_NEWNET)
    os.write(ready, b"1")
    wait_for(lambda: "fl1" in {name for _, name in socket.if_nameindex()}, what="the link")
    ip("link", "set", "lo", "up")
    ip("address", "add", "198.51.100.2/24", "dev", "fl1")
    ip("address", "add", "fd77::2/64", "dev", "fl1", "nodad")
    ip("link", "set", "fl1", "up")
    resolvers = [one for one in nameservers() if not one.startswith("127.") and one != "::1"]
    for address in dict.fromkeys((*WORLD, *resolvers)):
        ip("address", "add", address, "dev", "lo", *(["nodad"] if ":" in address else []))
    for port in (80, 443, 5432):
        serve(socket.AF_INET, "0.0.0.0", port, "world")
        serve(socket.AF_INET6, "::", port, "world")
    for address in resolvers:
        serve_names(address)
    os.write(ready, b"2")
    os.read(machine, 1)  # its other end closes with the machine
    os._exit(0)


def be_the_machine() -> int:
    """Connect to the world and serve; return the world's process."""
    reading, writing = os.pipe()
    machine, alive = os.pipe()
    world = os.fork()
    if world == 0:
        os.close(alive)
        be_the_world(writing, machine)
    os.read(reading, 1)
    ip("link", "set", "lo", "up")
    ip("link", "add", "fl0", "type", "veth", "peer", "name", "fl1", "netns", str(world))
    ip("address", "add", f"{MACHINE}/24", "dev", "fl0")
    ip("address", "add", f"{MACHINE_6}/64", "dev", "fl0", "nodad")
    ip("link", "set", "fl0", "up")
    ip("route", "add", "default", "via", "198.51.100.2")
    ip("-6", "route", "add", "default", "via", "fd77::2")
    os.read(reading, 1)
    serve(socket.AF_INET, "127.0.0.1", PUBLIC, "platform")
    serve(socket.AF_INET, "127.0.0.1", HUB, "hub")
    serve(socket.AF_INET, "0.0.0.0", SECRET, "secret")
    serve(socket.AF_INET6, "::", SECRET, "secret")
    for address in nameservers():
        if address.startswith("127.") or address == "::1":
            serve_names(address)
    return world


def networks() -> set[str]:
    """Return the network namespaces of all processes, and who listens in this one."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found.add(os.readlink(folder / "ns" / "net"))  # noqa: PTH115
    for table in ("tcp", "tcp6", "udp", "udp6", "unix"):
        rows = Path("/proc/net", table).read_text().splitlines()[1:]
        found |= {" ".join(row.split()[1:4]) for row in rows if " 0A " in row}
    return found | {name for _, name in socket.if_nameindex()}


def try_from_labs(folder: Path) -> dict[str, dict[str, str]]:
    """Return what a lab of each site reached."""
    found = {}
    with labs_of("auto", folder) as labs:
        if not labs.isolation.network:
            return {"none": labs.can.reasons}
        usual = labs.site.runtime
        for name, (settings, url) in SITES.items():
            labs.site = replace(
                labs.site,
                internet=destinations(Spawner.model_validate(settings).internet),
                runtime=usual.model_copy(
                    update={"public_url": url or f"http://localhost:{PUBLIC}"}
                ),
            )
            labs.hub_variables = {"JUPYTERHUB_API_URL": f"http://127.0.0.1:{HUB}/hub/api"}
            said = labs.run(f"lab-{name}", _TRY, json.dumps(TARGETS))
            line = next((line for line in said.splitlines() if line.startswith("found")), None)
            assert line, said
            found[name] = json.loads(line.removeprefix("found"))
    return found


def main() -> None:
    """Print what was reached, and what was left behind."""
    folder = Path(sys.argv[1])
    if sys.argv[2:3] == ["labs"]:
        before = networks()
        reached = try_from_labs(folder)
        left = networks() - before if os.geteuid() == 0 else set()
        sys.stdout.write(json.dumps({"reached": reached, "left": sorted(left)}))
        return
    world = be_the_machine()
    try:
        command = [sys.executable, "-m", "tests.hub.spawner.world", str(folder), "labs"]
        sys.exit(subprocess.run([*sys.argv[2:], *command], check=False).returncode)
    finally:
        os.kill(world, 9)


if __name__ == "__main__":
    main()
