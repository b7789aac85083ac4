"""The network of a lab of a real platform: where it leads, and where not."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from firstlight_hub.spawner import machine
from tests.lab_client import Kernel, is_ready, kernel_in_lab, start_lab, stop_lab
from tests.platform_under_test import Platform, wait_for

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not machine.probe().network, reason="labs have no network of their own"),
]

PERSON, OTHER = "mira-member", "theo-teammate"


@pytest.fixture(scope="module")
def labs(platform: Platform) -> None:
    for person in (PERSON, OTHER):
        platform.login(person)
        start_lab(platform, person)


@pytest.fixture
def kernel(platform: Platform, labs: None) -> Iterator[Kernel]:
    with kernel_in_lab(platform, PERSON) as running:
        yield running


def port_of(platform: Platform, person: str) -> int:
    file = platform.state_dir / "run" / "labs" / f"{person}.json"
    port: int = json.loads(file.read_text())["place"]["port"]
    return port


def test_the_catalogs_answer_at_the_public_address(kernel: Kernel) -> None:
    said = kernel.run(
        "import os, pyvo, requests\n"
        "session = requests.Session()\n"
        "session.headers['Authorization'] = 'Bearer ' + os.environ['ACCESS_TOKEN']\n"
        "url = os.environ['EXTERNAL_INSTANCE_URL'] + os.environ['TAP_ROUTE']\n"
        "tap = pyvo.dal.TAPService(url, session=session)\n"
        "print(url, len(tap.search('SELECT TOP 3 table_name FROM tap_schema.tables')))"
    )
    assert said.split()[1] == "3", said


def test_the_hub_answers_at_its_address(kernel: Kernel) -> None:
    said = kernel.run(
        "import os, requests\n"
        "answer = requests.get(os.environ['JUPYTERHUB_API_URL'], timeout=30)\n"
        "print(answer.status_code, answer.json()['version'])"
    )
    assert said.split()[0] == "200"


def listening_here() -> set[int]:
    """Return the ports of this machine."""
    found = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for row in Path("/proc/net", table).read_text().splitlines()[1:]:
                if row.split()[3] == "0A":
                    found.add(int(row.split()[1].split(":")[1], 16))
    return found


def test_no_other_port_of_the_machine_is_reached(platform: Platform, kernel: Kernel) -> None:
    """Neither the proxy's interface, nor a component, nor another lab, nor anything else."""
    ports = listening_here()
    other = port_of(platform, OTHER)
    assert other in ports
    said = kernel.run(
        "import os, socket\n"
        "from urllib.parse import urlsplit\n"
        "addresses = ['127.0.0.1', '::1', socket.gethostname()]\n"
        f"ports = {sorted(ports)}\n"
        "reached = set()\n"
        "for port in ports:\n"
        "    for address in addresses:\n"
        "        try:\n"
        "            with socket.create_connection((address, port), timeout=10) as one:\n"
        "                one.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')\n"
        "                if one.recv(100): reached.add(port)\n"
        "        except OSError:\n"
        "            pass\n"
        "allowed = {urlsplit(os.environ[name]).port\n"
        "           for name in ('EXTERNAL_INSTANCE_URL', 'JUPYTERHUB_API_URL', 'JUPYTERHUB_SERVICE_URL')}\n"
        "print(sorted(reached - allowed), sorted(allowed & reached), sorted(allowed))",
        seconds=240,
    )
    assert said.startswith("[] ["), said
    assert len(ports) > 4, ports


def test_a_service_of_the_lab_is_not_reached_from_the_machine(kernel: Kernel) -> None:
    said = kernel.run(
        "import socket\n"
        "service = socket.create_server(('0.0.0.0', 0))\n"
        "port = service.getsockname()[1]\n"
        "with socket.create_connection(('127.0.0.1', port)): print(port)"
    )
    with socket.socket() as one, pytest.raises(ConnectionRefusedError):
        one.connect(("127.0.0.1", int(said)))


def networks() -> set[str]:
    """Return the network namespaces of all processes."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            found.add(os.readlink(folder / "ns" / "net"))  # noqa: PTH115
    return found


def relays() -> set[int]:
    """Return the processes that carry connections of labs."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (folder / "comm").read_text() == "lab-network\n":
                found.add(int(folder.name))
    return found


def test_nothing_is_left_of_a_network_when_its_lab_stops(platform: Platform, labs: None) -> None:
    stop_lab(platform, PERSON)
    before, carrying = networks(), relays()
    for _ in range(3):
        start_lab(platform, PERSON)
        port = port_of(platform, PERSON)
        made, began = networks() - before, relays() - carrying
        assert made
        assert began
        stop_lab(platform, PERSON)
        wait_for(lambda made=made: not networks() & made, what="the end of the network")
        wait_for(lambda began=began: not relays() & began, what="the end of the relay")
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", port))


def test_a_lab_keeps_its_network_when_the_hub_is_killed(platform: Platform, labs: None) -> None:
    start_lab(platform, PERSON)
    with kernel_in_lab(platform, PERSON) as kernel:
        hub = platform.pid_of("hub")
        os.kill(hub, 9)
        wait_for(lambda: platform.pid_of("hub") not in {0, hub}, seconds=120, what="a new hub")
        wait_for(lambda: is_ready(platform, PERSON), seconds=120, what="the hub to know the lab")
        said = kernel.run(
            "import os, requests\n"
            "print(requests.get(os.environ['JUPYTERHUB_API_URL'], timeout=60).status_code)"
        )
    assert said.strip() == "200"
