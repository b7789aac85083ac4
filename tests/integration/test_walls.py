"""Labs of a real platform against each other, and at their limits."""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.lab_client import Kernel, api_of, is_ready, kernel_in_lab
from tests.platform_under_test import Platform, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

VICTIM, ATTACKER = "mira-member", "theo-teammate"


def start_lab(platform: Platform, name: str) -> None:
    """Start somebody's lab; on a busy machine, again if it took too long."""

    def ready() -> bool:
        if not is_ready(platform, name):
            platform.hub("POST", f"/users/{name}/server", json={"size": "small"})
            time.sleep(1)
        return is_ready(platform, name)

    wait_for(ready, seconds=300, what=f"the lab of {name}")


@pytest.fixture(scope="module", autouse=True)
def people(platform: Platform) -> None:
    for person in (VICTIM, ATTACKER):
        platform.login(person)
        start_lab(platform, person)


@pytest.fixture
def victim(platform: Platform) -> Iterator[Kernel]:
    with kernel_in_lab(platform, VICTIM) as running:
        yield running


def log_of_hub(platform: Platform) -> str:
    return (platform.state_dir / "logs" / "hub.log").read_text()


def record_of(platform: Platform, person: str) -> dict[str, Any]:
    return json.loads((platform.state_dir / "run" / "labs" / f"{person}.json").read_text())


def test_no_process_of_a_lab_but_its_server_listens(platform: Platform, victim: Kernel) -> None:
    said = victim.run(
        "import glob, os\n"
        "inodes = {}\n"
        "for table in ('tcp', 'tcp6'):\n"
        "    for line in open(f'/proc/net/{table}').read().splitlines()[1:]:\n"
        "        fields = line.split()\n"
        "        if fields[3] == '0A':\n"
        "            inodes[f'socket:[{fields[9]}]'] = int(fields[1].split(':')[1], 16)\n"
        "found = set()\n"
        "for link in glob.glob('/proc/[0-9]*/fd/*'):\n"
        "    try:\n"
        "        found.add(inodes.get(os.readlink(link)))\n"
        "    except OSError:\n"
        "        pass\n"
        "print(sorted(found - {None}))"
    )

    assert json.loads(said) == [record_of(platform, VICTIM)["place"]["port"]]


def test_the_directory_of_sockets_is_private(victim: Kernel) -> None:
    folder = victim.run("import os; print(os.environ['JUPYTER_RUNTIME_DIR'])").strip()
    mode = victim.run("import os; print(oct(os.stat(os.environ['JUPYTER_RUNTIME_DIR']).st_mode))")

    assert int(mode, 8) & 0o777 == 0o700  # Jupyter sets the sticky bit besides
    assert len(f"{folder}/kernel-{'0' * 36}-ipc-99") <= 107


def test_a_squatter_is_not_served_as_a_lab(platform: Platform) -> None:
    """A real process binds every port that the hub chooses, before the lab can."""
    platform.hub("DELETE", f"/users/{VICTIM}/server")
    file = platform.state_dir / "run" / "labs" / f"{VICTIM}.json"
    wait_for(lambda: not file.exists(), seconds=120, what="the end of the lab")
    answer = platform.hub("POST", f"/users/{VICTIM}/server", json={"size": "small"})
    assert answer.status_code in {201, 202}, answer.text
    with ExitStack() as bound:
        port = 0
        end = time.monotonic() + 60
        while not port and time.monotonic() < end:
            with suppress(OSError, ValueError):
                wanted = json.loads(file.read_text())["place"]["port"]
                bound.enter_context(socket.create_server(("127.0.0.1", wanted)))
                port = wanted
        assert port, "the lab was faster than its squatter"
        wait_for(lambda: is_ready(platform, VICTIM), seconds=300, what="the lab")
        assert record_of(platform, VICTIM)["place"]["port"] != port
    assert "belongs to a process outside the lab" in log_of_hub(platform)


def test_a_port_that_is_taken_later_is_served_no_longer(platform: Platform) -> None:
    """The lab's server ends, its process lives on, and somebody else binds the port."""
    start_lab(platform, ATTACKER)
    port = record_of(platform, ATTACKER)["place"]["port"]
    base, headers = api_of(platform, ATTACKER)
    pid = record_of(platform, ATTACKER)["place"]["pid"]
    requests.post(f"{base}/api/shutdown", headers=headers, timeout=60)
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), seconds=60, what="the server's end")
    with socket.create_server(("127.0.0.1", port)):
        wait_for(lambda: not is_ready(platform, ATTACKER), seconds=60, what="the hub to notice")
        answer = requests.get(f"{base}/api", headers=headers, timeout=60, allow_redirects=False)
        assert answer.status_code in {302, 424, 503}


def test_full_scratch_space_says_so_and_the_lab_goes_on(platform: Platform, limits: None) -> None:
    start_lab(platform, VICTIM)
    with kernel_in_lab(platform, VICTIM) as kernel:
        said = kernel.run(
            "import os\n"
            "for folder in ('/tmp', '/var/tmp', '/dev/shm'):\n"
            "    try:\n"
            "        with open(f'{folder}/full', 'wb', buffering=0) as file:\n"
            "            while True: file.write(bytes(2**20))\n"
            "    except OSError as error:\n"
            "        print(error.strerror)",
            seconds=120,
        )
        assert said.splitlines() == ["No space left on device"] * 3
        with kernel_in_lab(platform, VICTIM) as other:
            assert other.run("print(len(bytearray(2**28)))").strip() == str(2**28)
        kernel.run("for folder in ('/tmp', '/var/tmp', '/dev/shm'): os.remove(f'{folder}/full')")


def test_a_kernel_that_needs_too_much_memory_leaves_a_reason(
    platform: Platform, limits: None
) -> None:
    start_lab(platform, VICTIM)
    base, headers = api_of(platform, VICTIM)
    with kernel_in_lab(platform, VICTIM) as greedy, suppress(AssertionError, TimeoutError):
        greedy.run("x = bytearray(3 * 1024**3); x[::4096] = b'1' * len(x[::4096])", seconds=30)

    def ends() -> list[dict[str, str]]:
        return requests.get(f"{base}/firstlight/ends", headers=headers, timeout=60).json()

    told = wait_for(ends, seconds=60, what="the reason")
    assert "ran out of memory (2 GiB)" in told[-1]["message"]
    wait_for(
        lambda: record_of(platform, VICTIM)["oom_kills"] > 0, seconds=60, what="the hub's count"
    )
    assert "ran out of memory" in platform.cli("logs", f"lab/{VICTIM}").stdout
    assert re.search(f"lab of {VICTIM}.*ran out of memory", log_of_hub(platform))


def test_the_process_limit_is_said_in_a_sentence(platform: Platform, limits: None) -> None:
    start_lab(platform, VICTIM)
    base, headers = api_of(platform, VICTIM)
    with kernel_in_lab(platform, VICTIM) as kernel:
        kernel.run(
            "import os, signal, time\n"
            "made = []\n"
            "try:\n"
            "    while True:\n"
            "        child = os.fork()\n"
            "        if child == 0:\n"
            "            time.sleep(600)\n"
            "            os._exit(0)\n"
            "        made.append(child)\n"
            "except BlockingIOError:\n"
            "    pass",
            seconds=120,
        )
        session = {
            "path": "x.ipynb",
            "type": "notebook",
            "name": "x",
            "kernel": {"name": "python3"},
        }
        for path, body in (("kernels", {}), ("terminals", {}), ("sessions", session)):
            answer = requests.post(f"{base}/api/{path}", json=body, headers=headers, timeout=120)
            assert answer.status_code == 503, f"{path}: {answer.status_code} {answer.text}"
            assert "as many processes as it may have (512" in answer.json()["message"]
        kernel.run("for child in made: os.kill(child, signal.SIGKILL); os.waitpid(child, 0)")


@pytest.mark.skipif(os.geteuid() != 0, reason="limits need root")
def test_a_lab_that_runs_out_of_memory_as_a_whole_says_why(
    platform: Platform, limits: None
) -> None:
    """The system chooses the lab's server, because the person's code offers it first."""
    start_lab(platform, VICTIM)
    expected = (AssertionError, TimeoutError, requests.RequestException)
    with suppress(*expected), kernel_in_lab(platform, VICTIM) as greedy:
        greedy.run(
            "import os\n"
            "stat = open(f'/proc/{os.getppid()}/stat').read()\n"
            "above = int(stat.rpartition(')')[2].split()[1])\n"
            "server = above if 'kernel-forks' in stat else os.getppid()\n"
            "open(f'/proc/{server}/oom_score_adj', 'w').write('1000')\n"
            "open('/proc/self/oom_score_adj', 'w').write('0')\n"
            "x = bytearray(3 * 1024**3); x[::4096] = b'1' * len(x[::4096])",
            seconds=30,
        )
    session = platform.login(VICTIM)
    wait_for(
        lambda: "ran out of memory" in session.get(f"{platform.url}/nb/hub/home", timeout=60).text,
        seconds=60,
        what="the reason on the person's page",
    )
