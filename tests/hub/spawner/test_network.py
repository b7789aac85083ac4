"""What labs with a network of their own reach, and what is left of it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

from firstlight_hub.spawner import machine, processes
from firstlight_hub.spawner.listeners import find_listener
from firstlight_hub.spawner.models import LabSpec, Network
from firstlight_hub.spawner.places import ProcessPlace
from firstlight_hub.spawner.start_network import LISTENING, local_route, own_addresses, rules
from firstlight_hub.spawner.start_parent import LabProcess, ProcessStartError, start_process
from tests.attacks.bare_labs import machine_addresses
from tests.platform_under_test import free_port
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[3]
IS_ROOT = os.geteuid() == 0
KINDS = {
    # how to get a network to play with, and processes, so that what is left is its own; and how to
    # become the platform's account in it
    "root": (("unshare", "--net", "--pid", "--fork", "--mount-proc"), ()),
    "user": (
        ("unshare", "--user", "--map-root-user", "--net"),
        ("unshare", "--user", "--map-user=1000", "--map-group=1000"),
    ),
}
CAN = machine.probe()
needs_networks = pytest.mark.skipif(
    not CAN.network, reason=f"no networks here: {CAN.reasons.get('network')}"
)


@cache
def outcome(kind: str) -> dict[str, dict[str, dict[str, str]]]:
    """Let labs of each site try all addresses; once for all tests."""
    if kind == "root" and not IS_ROOT:
        pytest.skip("only root can try this")
    outer, inner = KINDS[kind]
    if shutil.which("ip") is None or subprocess.run([*outer, "true"], check=False).returncode:
        pytest.skip("this machine gives no network to play with")
    with tempfile.TemporaryDirectory(prefix="fl-world-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        done = subprocess.run(
            [*outer, sys.executable, "-m", "tests.hub.spawner.world", folder, *inner],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, dict[str, dict[str, str]]] = json.loads(done.stdout)
    if "none" in found["reached"]:
        pytest.skip(f"no networks here: {found['reached']['none']}")
    return found


INTERNET = ("8.8.8.8", "2001:4860:4860::8888")
PRIVATE = ("10.20.0.5", "10.99.0.5", "100.64.0.9", "fd00:20::5")
OWN = {
    "a resolver on loopback": "abcd",
    "itself at 198.51.100.1": "yes",
    "itself at fd77::1": "yes",
}
PLATFORM = {
    "the public address": "platform",
    "the public address by number": "platform",
    "the hub": "hub",
    **OWN,
}


def addresses(*hosts: str, ports: tuple[int, ...] = (80, 443, 5432)) -> dict[str, str]:
    return {f"{host} {port}": "world" for host in hosts for port in ports}


@pytest.mark.integration
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("site", "expected"),
    [
        ("on", {**PLATFORM, **addresses(*INTERNET), "a name": "world"}),
        ("off", PLATFORM),
        (
            "private",
            {
                "the hub": "hub",
                **OWN,
                "the platform's name": "world",
                **addresses("10.99.0.5", ports=(80,)),
            },
        ),
        (
            "list",
            {
                **PLATFORM,
                **addresses(*INTERNET, "fd00:20::5", ports=(443,)),
                **addresses("10.20.0.5"),
                "a name": "world",
            },
        ),
        (
            "all",
            {
                **PLATFORM,
                **addresses(*INTERNET, *PRIVATE),
                "a name": "world",
                "the platform's name": "world",
                "the platform's name, another port": "world",
            },
        ),
    ],
)
def test_a_lab_reaches_the_platform_and_what_the_site_allows(
    kind: str, site: str, expected: dict[str, str]
) -> None:
    found = outcome(kind)["reached"][site]
    assert {name: answer for name, answer in found.items() if answer} == expected


@pytest.mark.integration
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", KINDS)
def test_no_network_and_no_port_is_left(kind: str) -> None:
    assert outcome(kind)["left"] == []


# --- one lab

_SERVER = """
trap '' TERM
exec /usr/bin/env python3 -c '
import socket
server = socket.create_server(("127.0.0.1", {port}))
while True:
    server.accept()[0].sendall(b"lab")
'
"""


def specification(script: str, port: int) -> LabSpec:
    return LabSpec(
        command=("/bin/sh", "-c", script.replace("{port}", str(port))),
        environment={"PATH": "/usr/bin:/bin"},
        directory="/",
        owner=(123_456, 123_456) if IS_ROOT else (os.geteuid(), os.getegid()),
        account=IS_ROOT,
        processes=0,
        namespaces=CAN.namespaces,
        user_namespaces=False,
        network=Network(port),
    )


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabProcess]:
    process = start_process(tmp_path / "lab.log")
    yield process
    processes.kill(processes.family(process.pid, ()))
    wait_for(lambda: process.ended() is not None, what="the end of the lab")
    process.wait_for_log(60)


def answer(port: int) -> bytes:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            return client.recv(10)
    except OSError:
        return b""


def serve_in(lab: LabProcess) -> int:
    """Let the lab become a server; return its port when it answers."""
    port = free_port()
    asyncio.run(lab.become(specification(_SERVER, port)))
    wait_for(lambda: answer(port) == b"lab", what="the lab's server")
    return port


def relay_of(lab: LabProcess) -> int:
    """Return the lab's relay; 0 if there is none at the moment."""
    for pid in processes.family(lab.pid, ()):
        name = Path(f"/proc/{pid}/comm")
        if name.exists() and name.read_text() == "lab-network\n":
            return pid
    return 0


@pytest.mark.integration
@needs_networks
def test_the_machine_reaches_a_labs_server_and_it_belongs_to_the_lab(lab: LabProcess) -> None:
    port = serve_in(lab)
    assert find_listener(ProcessPlace(lab.pid, lab.start_ticks, port))


@pytest.mark.integration
@needs_networks
def test_nobody_is_let_in_before_the_labs_server_listens(lab: LabProcess) -> None:
    port = free_port()
    asyncio.run(lab.become(specification("read line < /proc/self/fd/0; exec sleep 600", port)))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=10)
    with socket.socket() as squatter, pytest.raises(OSError, match="in use"):
        squatter.bind(("127.0.0.1", port))


@pytest.mark.integration
@needs_networks
def test_a_taken_port_is_told_apart(lab: LabProcess) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as squatter,
        pytest.raises(ProcessStartError) as raised,
    ):
        asyncio.run(lab.become(specification(_SERVER, squatter.getsockname()[1])))
    assert raised.value.step == LISTENING
    wait_for(lambda: lab.ended() is not None, what="its end")


@pytest.mark.integration
@needs_networks
def test_a_relay_that_is_killed_is_replaced(lab: LabProcess) -> None:
    port = serve_in(lab)
    before = find_listener(ProcessPlace(lab.pid, lab.start_ticks, port))
    first = relay_of(lab)
    processes.kill({first})
    wait_for(lambda: relay_of(lab) not in {0, first}, what="another relay")
    wait_for(lambda: answer(port) == b"lab", what="the lab's server")
    assert find_listener(ProcessPlace(lab.pid, lab.start_ticks, port)) == before


@pytest.mark.integration
@needs_networks
def test_a_relay_ends_with_its_lab_however_that_ends(lab: LabProcess) -> None:
    port = serve_in(lab)
    pid = relay_of(lab)
    ticks = processes.start_ticks(pid)
    inside = processes.family(lab.pid, ()) - {lab.pid, pid}
    processes.kill({lab.pid})
    wait_for(lambda: not processes.is_alive(pid, ticks), what="the end of the relay")
    processes.kill(inside)
    with socket.create_server(("127.0.0.1", port)):
        pass  # the port is free


@pytest.mark.integration
@needs_networks
@pytest.mark.parametrize("victim", ["outermost", "newest"])
@pytest.mark.parametrize("stage", [1, 2, 3, 4])
def test_nothing_is_left_of_a_start_that_is_killed(
    lab: LabProcess, stage: int, victim: str
) -> None:
    """The hub finds all of a lab's processes, however many there are when one is killed."""
    port = free_port()
    place = ProcessPlace(lab.pid, lab.start_ticks, port)
    with suppress(ProcessStartError), ThreadPoolExecutor(1) as pool:
        start = pool.submit(asyncio.run, lab.become(specification(_SERVER, port)))
        wait_for(lambda: len(place.members()) >= stage or start.done(), what="some processes")
        members = place.members()
        processes.kill({lab.pid if victim == "outermost" else max(members)})
        start.result()
    wait_for(lambda: lab.ended() is not None or processes.kill(place.members()), what="its end")
    processes.kill(place.members())
    wait_for(lambda: not place.members(), what="the end of all")
    with socket.create_server(("127.0.0.1", port)):
        pass  # the port is free


@pytest.mark.integration
@needs_networks
def test_a_relay_has_the_labs_account_and_no_privileges(lab: LabProcess) -> None:
    asyncio.run(lab.become(specification("exec sleep 600", 0)))
    status = Path(f"/proc/{relay_of(lab)}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines())
    owner = specification("", 0).owner[0]
    assert set(fields["Uid"].split()) == {str(owner)}
    assert int(fields["CapPrm"], 16) == int(fields["CapEff"], 16) == 0
    assert fields["NoNewPrivs"] == "1"
    for thread in Path(f"/proc/{relay_of(lab)}/task").iterdir():
        assert "CapPrm:\t0000000000000000" in (thread / "status").read_text()


@pytest.mark.integration
@needs_networks
def test_a_lab_holds_no_socket_of_the_machine(lab: LabProcess) -> None:
    """Whoever holds one, even if it only listens, could connect it to anywhere on the machine."""
    serve_in(lab)
    held = set()
    for pid in processes.family(lab.pid, ()) - {lab.pid, relay_of(lab)}:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            held.add(os.readlink(descriptor))  # noqa: PTH115
    for table in ("tcp", "tcp6", "udp", "udp6", "unix"):
        for row in Path("/proc/net", table).read_text().splitlines()[1:]:
            assert f"socket:[{row.split()[9 if table != 'unix' else 6]}]" not in held


# --- messages


def test_the_addresses_of_a_machine_are_found() -> None:
    found = own_addresses()
    assert "127.0.0.1" not in found
    assert "::1" not in found
    assert set(machine_addresses()) <= set(found)


def test_the_messages_are_those_that_were_tried() -> None:
    """The kernel takes them as the tests above show; a change of a byte is not an accident."""
    golden = Path(__file__).with_name("network_messages.txt")
    found = [
        local_route(socket.AF_INET, 1),
        local_route(socket.AF_INET6, 1),
        *rules([8000, 53], ["192.0.2.7"]),
    ]
    assert [message.hex() for message in found] == golden.read_text().split()


@pytest.mark.integration
def test_nft_shows_the_rules_that_the_page_of_the_code_shows() -> None:
    if shutil.which("nft") is None or not CAN.network:
        pytest.skip("nft is not installed, or there are no networks here")
    script = (
        "import subprocess; from firstlight_hub.spawner import start_network as n;"
        "n.own_addresses = lambda: ['192.0.2.7', '2001:db8::7'];"
        "n.create_namespace([8000]); subprocess.run(['nft', 'list', 'ruleset'], check=True)"
    )
    prefix = () if IS_ROOT else ("unshare", "--user", "--map-root-user")
    done = subprocess.run(
        [*prefix, sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert [line.strip().replace("dstnat", "-100") for line in done.stdout.splitlines()] == [
        "table inet firstlight {",
        "chain out {",
        "type nat hook output priority -100; policy accept;",
        "udp dport 53 redirect to :1",
        "tcp dport 53 redirect to :1",
        "tcp dport 8000 redirect to :1",
        "ip daddr 127.0.0.0/8 accept",
        "ip6 daddr ::1 accept",
        "ip daddr 192.0.2.7 accept",
        "ip6 daddr 2001:db8::7 accept",
        "meta l4proto tcp redirect to :1",
        "}",
        "}",
    ]
