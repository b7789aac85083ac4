"""A busy machine: many starts at once, labs that compute and labs that write without end."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from firstlight_common import groups
from tests.lab_client import is_ready, kernel_in_lab
from tests.platform_under_test import Platform, follow_link, stopped, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

needs_weights = pytest.mark.skipif(
    os.geteuid() != 0 or not os.access(groups.ROOT / "cpu" / "cpu.shares", os.W_OK),
    reason="this machine has no control groups of version 1 that we may write to",
)
CORES = os.cpu_count() or 1


def make_person(site: Platform, name: str) -> None:
    """Make an account, as the first login with a one-time link does."""
    follow_link(site.hub("POST", "/firstlight/links", json={"user": name}).json()["url"])


def request_lab(site: Platform, name: str) -> None:
    answer = site.hub("POST", f"/users/{name}/server", json={"size": "small"})
    assert answer.status_code == 202, answer.text


@contextmanager
def told(site: Platform, name: str) -> Iterator[list[str]]:
    """Read what somebody's progress page is told, in the background."""
    messages: list[str] = []
    answer = site.hub("GET", f"/users/{name}/server/progress", stream=True)

    def read() -> None:
        messages.extend(
            json.loads(line[5:])["message"]
            for line in answer.iter_lines()
            if line.startswith(b"data:")
        )

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    yield messages
    reader.join(30)
    answer.close()


def test_starts_at_once_wait_for_their_turn_and_are_told_so(one_at_a_time: Platform) -> None:
    site = one_at_a_time
    names = [f"person{number}" for number in range(6)]
    for name in names:
        make_person(site, name)
    with ExitStack() as until_all_wait:
        # Labs start too fast to see it.
        until_all_wait.enter_context(stopped(site.pid_of("forks")))
        for name in names:
            request_lab(site, name)
        with told(site, names[-1]) as messages:
            # Somebody in the middle of the queue stops waiting, and starts again at its end.
            cancelled = site.hub("DELETE", f"/users/{names[4]}/server")
            assert cancelled.status_code in {202, 204}, cancelled.text
            wait_for(lambda: list(messages), what="its place in the queue")
            until_all_wait.close()
            order: list[str] = []

            def all_others_are_ready() -> bool:
                users = {user["name"]: user for user in site.hub("GET", "/users").json()}
                ready = [n for n in names if users[n]["servers"].get("", {}).get("ready")]
                order.extend(name for name in ready if name not in order)
                return len(order) == 5

            wait_for(all_others_are_ready, seconds=240, what="five labs")

    assert order == [name for name in names if name != names[4]]
    counts = [int(found[1]) for m in messages if (found := re.search(r"(\d+) labs? (is|are)", m))]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] >= 3
    assert any("Yours is next" in message for message in messages)
    assert not is_ready(site, names[4])
    request_lab(site, names[4])
    wait_for(lambda: is_ready(site, names[4]), seconds=60, what="the cancelled one, again")


FLOOD = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
pid = os.getppid()
log = libc.syscall(438, os.pidfd_open(pid), 1, 0)  # pidfd_getfd: the lab's own standard output
block = (b"x" * 1023 + b"\\n") * 64
left = 1024**3
while left > 0:
    left -= os.write(log, block)
print("written", log >= 0)
"""


def rss(pid: int) -> int:
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_gigabyte_of_a_labs_output_costs_the_hub_nothing(platform: Platform) -> None:
    mira = platform.login("mira-member")
    hub = platform.pid_of("hub")
    answers: list[int] = []
    done = threading.Event()

    def ask() -> None:
        while not done.wait(0.1):
            answers.append(mira.get(f"{platform.url}/nb/hub/home", timeout=30).status_code)

    with kernel_in_lab(platform, "mira-member") as kernel:
        before = rss(hub)
        asker = threading.Thread(target=ask)
        asker.start()
        try:
            assert kernel.run(FLOOD, seconds=200).strip() == "written True"
        finally:
            done.set()
            asker.join()
        logs = list((platform.state_dir / "logs" / "labs").glob("mira-member.log*"))
        assert sum(path.stat().st_size for path in logs) <= 11 * 1024**2
        wait_for(
            lambda: "output dropped" in platform.cli("logs", "lab/mira-member").stdout,
            what="the log to say what is missing",
        )
        assert rss(hub) - before < 64 * 1024**2
    assert set(answers) == {200}


def seconds_of_starts(site: Platform, names: list[str]) -> float:
    began = time.monotonic()
    for name in names:
        request_lab(site, name)
    wait_for(lambda: all(is_ready(site, name) for name in names), seconds=120, what="the labs")
    took = time.monotonic() - began
    for name in names:
        site.hub("DELETE", f"/users/{name}/server")
    wait_for(lambda: not any(is_ready(site, name) for name in names), what="the labs' end")
    return took


@contextmanager
def busy_processes(number: int) -> Iterator[None]:
    """Run processes outside of the platform that take all of the CPU that they get."""
    spin = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: sum(range(10**6))"
    with ExitStack() as stack:
        for _ in range(number):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", spin]))
            stack.callback(process.kill)
        yield


@needs_weights
def test_starts_take_at_most_twice_as_long_beside_busy_processes(platform: Platform) -> None:
    names = [f"starter{number}" for number in range(5)]
    for name in names:
        make_person(platform, name)
    seconds_of_starts(platform, names)  # new homes, cold files
    alone = seconds_of_starts(platform, names)
    with busy_processes(2 * CORES):
        beside = seconds_of_starts(platform, names)

    assert beside <= 2 * alone


@needs_weights
def test_a_page_answers_within_a_second_while_every_lab_computes(platform: Platform) -> None:
    spin = (
        "import subprocess, sys\n"
        "code = 'import os\\nparent = os.getppid()\\nwhile os.getppid() == parent: sum(range(10**6))'\n"
        f"busy = [subprocess.Popen([sys.executable, '-c', code]) for _ in range({2 * CORES})]\n"
    )
    mira = platform.login("mira-member")
    with ExitStack() as stack:
        for person in ("mira-member", "theo-teammate"):
            platform.login(person)
            kernel = stack.enter_context(kernel_in_lab(platform, person))
            kernel.run(spin)
            stack.callback(kernel.run, "for process in busy: process.kill()")
        taken = []
        for _ in range(9):
            began = time.monotonic()
            assert mira.get(f"{platform.url}/nb/hub/home", timeout=30).status_code == 200
            taken.append(time.monotonic() - began)

    assert statistics.median(taken) < 1


@needs_weights
def test_components_and_labs_are_in_their_groups(platform: Platform) -> None:
    name = groups.name_of_platform(platform.state_dir)

    def group_of(pid: int) -> str:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
        return next(line.split(":")[2] for line in lines if "cpu" in line.split(":")[1].split(","))

    for component in ("hub", "proxy", "tap", "portal"):
        assert group_of(platform.pid_of(component)) == f"/{name}/component-{component}"
    platform.login("mira-member")
    with kernel_in_lab(platform, "mira-member") as kernel:
        record = platform.state_dir / "run" / "labs" / "mira-member.json"
        pid = int(json.loads(record.read_text())["place"]["pid"])
        assert group_of(pid) == f"/{name}/labs/mira-member"
        folder = groups.ROOT / "cpu" / name / "labs" / "mira-member"
        assert folder.joinpath("cpu.shares").read_text().strip() == "1024"
        assert folder.joinpath("cpu.cfs_quota_us").read_text().strip() == "100000"
        assert kernel.run("print(6 * 7)").strip() == "42"
