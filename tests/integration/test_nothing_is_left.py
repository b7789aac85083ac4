"""Labs start and stop, and components are killed meanwhile: nothing is left, and no lab is lost.

``make test`` does this with a few labs, ``make soak`` with many and for long; see the variables.
"""

from __future__ import annotations

import json
import logging
import os
import random
import re
import signal
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from firstlight_common import groups
from tests.integration.test_busy_machine import make_person
from tests.inventory import Inventory, assert_nothing_is_left, processes_of, take_inventory
from tests.lab_client import KernelAddress, new_kernel, start_lab, stop_lab
from tests.platform_under_test import Platform, stopped, wait_for

LABS = int(os.environ.get("FIRSTLIGHT_SOAK_LABS", "6"))
ROUNDS = int(os.environ.get("FIRSTLIGHT_SOAK_ROUNDS", "2"))
KILLS = int(os.environ.get("FIRSTLIGHT_SOAK_KILLS", "3"))
STARTS = min(LABS, int(os.environ.get("FIRSTLIGHT_SOAK_STARTS", "3")))
"""How many labs start when something is killed."""
SEED = int(os.environ.get("FIRSTLIGHT_SOAK_SEED", "0")) or random.randrange(1, 10**6)

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(300 + 10 * LABS * ROUNDS + 60 * KILLS),
]

KEEPER = "keeper"
"""The person whose lab is ready all the time."""
PEOPLE = [f"starter{number}" for number in range(LABS)]
_log = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Start a small platform of which everything may be killed."""
    folder = tmp_path_factory.mktemp("counts")
    config = folder / "platform.yaml"
    config.write_text("datasets: []\nservices: {tap: {enabled: false}, butler: {enabled: false}}\n")
    own = Platform(folder / "var", config)
    own.start()
    for name in (KEEPER, *PEOPLE):
        make_person(own, name)
    yield own
    own.stop()
    assert processes_of(own.state_dir) == []
    assert not take_inventory(own.state_dir).group


@dataclass(frozen=True)
class Beginning:
    """What there was before, and how long the starts took that nobody disturbed."""

    inventory: Inventory
    seconds: float


@pytest.fixture(scope="module")
def beginning(site: Platform) -> Beginning:
    """Count once all has been used: what is opened or imported at the first use stays."""
    start_and_stop(site, PEOPLE)
    seconds = start_and_stop(site, PEOPLE[:STARTS])
    wait_for(lambda: all(one.component for one in processes_of(site.state_dir)), what="quiet")
    return Beginning(take_inventory(site.state_dir), seconds)


@pytest.fixture(autouse=True)
def no_labs(site: Platform) -> None:
    """Begin each test without labs but the keeper's, whatever became of the one before."""
    stop_labs(site, sorted(set(servers(site) or {}) - {KEEPER}))


def start_and_stop(site: Platform, names: list[str]) -> float:
    """Return how long the starts took."""
    began = time.monotonic()
    for name in names:
        request_lab(site, name)
    wait_for(lambda: set(names) <= set(ready_labs(site)), seconds=60 + 5 * LABS, what="the labs")
    took = time.monotonic() - began
    stop_labs(site, names)
    return took


def request_lab(site: Platform, name: str) -> bool:
    """Ask for a lab; return whether there was somebody to ask."""
    try:
        answer = site.hub("POST", f"/users/{name}/server", json={"size": "small"})
    except requests.RequestException:
        return False
    assert answer.status_code in {201, 202, 503}, answer.text
    return answer.ok


def stop_labs(site: Platform, names: list[str]) -> None:
    for name in names:
        site.hub("DELETE", f"/users/{name}/server")
    for name in names:
        stop_lab(site, name)


def servers(site: Platform) -> dict[str, dict[str, bool | str | None]] | None:
    """Return the labs that the hub knows; None while it is unavailable."""
    try:
        answer = site.hub("GET", "/users?state=active&limit=200")
    except requests.RequestException:
        return None
    if not answer.ok:
        return None
    return {one["name"]: one["servers"][""] for one in answer.json() if one["servers"]}


def ready_labs(site: Platform) -> dict[str, int]:
    """Return the process of each lab that the hub calls ready."""
    ready = [name for name, server in (servers(site) or {}).items() if server["ready"]]
    return {name: pid for name in ready if (pid := pid_of_lab(site, name))}


def pid_of_lab(site: Platform, name: str) -> int:
    try:
        record = json.loads((site.state_dir / "run" / "labs" / f"{name}.json").read_text())
    except FileNotFoundError:  # it has just ended
        return 0
    return int(record["place"]["pid"])


# --- what is killed


def component(name: str) -> Callable[[Platform], int]:
    def find(site: Platform) -> int:
        return int((site.state_dir / "run" / "processes" / name).read_text().split()[0])

    return find


def logger_of_a_start(site: Platform) -> int:
    """Return a logger of a lab that is starting, or has started just now."""

    def find() -> list[int]:
        return [pid for name, pid in loggers(site).items() if name != KEEPER]

    return random.choice(wait_for(find, what="a logger"))


def loggers(site: Platform) -> dict[str, int]:
    """Return the loggers by the person whose lab they are of."""
    found = {
        log_of(process.pid): process.pid
        for process in processes_of(site.state_dir)
        if process.name == "lab-log" or "log_writer" in process.command
    }
    return {name: pid for name, pid in found.items() if name}


def log_of(pid: int) -> str:
    """Return whose log a process writes."""
    with suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            if found := re.search(r"/logs/labs/([^/]+)\.log$", os.readlink(link)):  # noqa: PTH115
                return found[1]
    return ""


VICTIMS: dict[str, Callable[[Platform], int]] = {
    "hub": component("hub"),
    "forks": component("forks"),
    "supervisor": component("supervisor"),
    "logger": logger_of_a_start,
}
LOSES_STARTS = {"hub", "supervisor"}
"""With the hub, starts end; whatever else is killed, they go on."""
killed_at: defaultdict[str, list[float]] = defaultdict(list)


# --- the tests


def test_nothing_is_left_of_labs_that_start_and_stop(site: Platform, beginning: Beginning) -> None:
    _log.info("before: %s", beginning.inventory)
    for number in range(ROUNDS):
        took = start_and_stop(site, PEOPLE)
        _log.info("round %d: %d labs ready in %.1f s", number + 1, LABS, took)
        assert_nothing_is_left(site.state_dir, beginning.inventory)


def test_nothing_is_left_of_a_start_that_had_no_process_when_the_hub_was_killed(
    site: Platform, beginning: Beginning
) -> None:
    hub = VICTIMS["hub"](site)
    database = site.state_dir / "hub" / "jupyterhub.sqlite"
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        # JupyterHub does this in a transaction of its own, the first of a start.
        connection.execute("INSERT INTO servers (base_url) VALUES ('/nb/user/starter0/')")
        connection.commit()
    with stopped(VICTIMS["forks"](site)):
        assert request_lab(site, PEOPLE[0])
        wait_for(lambda: groups.lab_groups(site.state_dir, PEOPLE[0]), what="its control groups")
        assert pid_of_lab(site, PEOPLE[0]) == 0
        os.kill(hub, signal.SIGKILL)
    wait_for(lambda: is_whole_again(site, "hub", hub), what="the hub")
    assert_nothing_is_left(site.state_dir, beginning.inventory)


def test_nothing_is_left_of_a_start_that_fails(site: Platform, beginning: Beginning) -> None:
    home = site.state_dir / "homes" / PEOPLE[0]
    aside = home.rename(home.with_name("aside"))
    home.touch()
    try:
        assert request_lab(site, PEOPLE[0])
        wait_for(lambda: servers(site) == {}, what="the start to fail")
        assert "home directory could not be created" in outcome(site, PEOPLE[0])
    finally:
        home.unlink()
        aside.rename(home)
    assert_nothing_is_left(site.state_dir, beginning.inventory)


@pytest.fixture(scope="module")
def kernel(site: Platform, beginning: Beginning) -> Iterator[KernelAddress]:
    """Return a kernel that remembers a number, in a lab that has been ready all along."""
    start_lab(site, KEEPER)
    made = site.hub("POST", f"/users/{KEEPER}/tokens", json={"expires_in": 86400}).json()
    address = new_kernel(site, KEEPER, made["token"])
    with address.connected() as connection:
        connection.run("remembered = 41")
    yield address
    site.hub("DELETE", f"/users/{KEEPER}/tokens/{made['id']}")
    stop_lab(site, KEEPER)
    assert_nothing_is_left(site.state_dir, beginning.inventory)


@pytest.mark.parametrize("victim", VICTIMS)
def test_nothing_is_left_and_no_lab_is_lost_when_something_is_killed_in_the_middle_of_starts(
    site: Platform, beginning: Beginning, kernel: KernelAddress, victim: str
) -> None:
    chance = random.Random(f"{SEED} {victim}")
    before = take_inventory(site.state_dir)
    seen: Counter[str] = Counter()
    for number in range(KILLS):
        delay = chance.uniform(0, beginning.seconds)
        told = f"{victim}, kill {number + 1} of {KILLS}, after {delay:.2f} s, seed {SEED}"
        try:
            outcomes = kill_in_the_middle(site, victim, delay)
            remembers(kernel)
            stop_labs(site, PEOPLE[:STARTS])
            assert_nothing_is_left(site.state_dir, before)
        except AssertionError as error:
            raise AssertionError(f"{told}:\n{error}") from error
        _log.info("%s: %s", told, outcomes)
        seen.update(outcomes.values())
    assert victim in LOSES_STARTS or set(seen) == {"ready"}, seen


def kill_in_the_middle(site: Platform, victim: str, delay: float) -> dict[str, str]:
    """Kill something while labs start; return what became of each start."""
    if victim == "supervisor":  # `firstlight up` replaces this many a minute, and gives up then
        recent = killed_at[victim][-5:]
        wait_for(lambda: len(recent) < 5 or time.monotonic() > recent[0] + 61, what="a minute")
    when = time.monotonic() + delay
    names = PEOPLE[:STARTS]
    for name in names:
        request_lab(site, name)
    wait_for(lambda: time.monotonic() >= when, what="the moment")
    ready = ready_labs(site)
    assert KEEPER in ready
    pid = VICTIMS[victim](site)
    os.kill(pid, signal.SIGKILL)
    killed_at[victim].append(time.monotonic())
    wait_for(lambda: is_whole_again(site, victim, pid), what="the platform to recover")
    now = ready_labs(site)
    assert {name: now.get(name) for name in ready} == ready, "a lab that was ready is lost"
    return {name: "ready" if name in now else outcome(site, name) for name in names}


def is_whole_again(site: Platform, victim: str, killed: int) -> bool:
    """Return whether what was killed runs again, and no start is under way."""
    if victim != "logger" and VICTIMS[victim](site) == killed:
        return False
    known = servers(site)
    if known is None or not all(one["ready"] for one in known.values()):
        return False
    components = site.status_or_none()
    return bool(components) and all(one["healthy"] and one["pid"] != killed for one in components)


def outcome(site: Platform, name: str) -> str:
    """Return why a start has failed; nothing if the hub that began it is gone."""
    answer = site.hub("GET", f"/users/{name}/server/progress", stream=True)
    with answer:
        if answer.status_code == 404:  # the hub has not looked for it yet
            return "gone with the hub"
        for line in answer.iter_lines():
            if line.startswith(b"data:"):
                event = json.loads(line[5:])
                assert event.get("failed"), event
                assert re.fullmatch(r"Spawn failed: [A-Z].*\.", event["message"]), event
                return str(event["message"])
            if line.strip():
                assert b"is not starting" in line, line
                return "gone with the hub"
    return "gone with the hub"


def remembers(kernel: KernelAddress) -> None:
    """Check that a kernel is still the same process with the same variables."""

    def answers() -> bool:
        try:
            return requests.get(kernel.api, headers=kernel.headers, timeout=30).ok
        except requests.ConnectionError:
            return False

    wait_for(answers, what="the lab's route")
    with kernel.connected() as connection:
        assert connection.run("print(remembered + 1)") == "42\n"


def test_a_lab_goes_on_without_its_logger(site: Platform, kernel: KernelAddress) -> None:
    pid = pid_of_lab(site, KEEPER)
    logger = loggers(site)[KEEPER]
    os.kill(logger, signal.SIGKILL)
    wait_for(lambda: KEEPER not in loggers(site), what="the logger's end")
    remembers(kernel)
    with new_kernel(site, KEEPER, kernel.token).connected() as another:  # the lab logs it
        assert another.run("print(6 * 7)") == "42\n"
    assert ready_labs(site)[KEEPER] == pid
