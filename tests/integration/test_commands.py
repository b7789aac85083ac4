"""The commands as an operator types them, and what the platform does meanwhile."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from astropy.io.votable import parse_single_table

from tests.platform_under_test import PLATFORM_PYTHON, Platform, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

PARTS = ("proxy", "hub", "tap", "butler", "portal", "error-pages", "demo-github")
LISTENS = "0A"


@pytest.mark.parametrize("demo", ["1", "yes", "0", "no", ""])
def test_make_up_passes_its_variables_through(repository: Path, demo: str) -> None:
    variables = ("PORT=8123", "STATE_DIR=/a/place", "CONFIG=my.yaml", f"DEMO={demo}")
    up = made_of(repository, *variables)
    assert up.split() == [
        *(".venv/bin/firstlight", "up"),
        *("--port", "8123", "--state-dir", "/a/place", "--config", "my.yaml"),
        *(["--demo"] if demo in {"1", "yes"} else []),
    ]


def test_make_up_has_defaults(repository: Path) -> None:
    assert made_of(repository).split()[1:] == ["up", "--port", "8000", "--state-dir", "var"]


def made_of(repository: Path, *variables: str) -> str:
    """Return the last command that ``make up`` would run."""
    unwanted = ("MAKE", "MFLAGS", "PORT", "STATE_DIR", "CONFIG", "DEMO")
    done = subprocess.run(
        ["make", "--no-print-directory", "-n", "up", *variables],
        cwd=repository,
        env={k: v for k, v in os.environ.items() if not k.startswith(unwanted)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1].removeprefix("exec ")


def test_logs_are_followed_until_ctrl_c(platform: Platform) -> None:
    log = platform.state_dir / "logs" / "tap.log"
    with followed(platform, "tap") as lines:
        requests.get(f"{platform.url}/api/tap/no-such-address", timeout=10)
        wait_for(lambda: any("no-such-address" in line for line in lines), what="the new line")
        # As the supervisor rotates it; the last line before belongs to what was followed.
        with log.open("a") as file:
            file.write("the last line of the old file\n")
        kept = log.rename(log.with_name("tap.log.kept"))
        log.write_text("the first line of the new file\n")
        wait_for(lambda: any("the new file" in line for line in lines), what="the new file")
        assert [line for line in lines if "line of the" in line] == [
            "the last line of the old file\n",
            "the first line of the new file\n",
        ]
        kept.replace(log)


@contextmanager
def followed(platform: Platform, part: str) -> Iterator[list[str]]:
    """Run ``firstlight logs PART -f`` in the background; it has to end well with Ctrl-C."""
    command = [PLATFORM_PYTHON, "-m", "firstlight_cli", "logs", part, "-f"]
    lines: list[str] = []

    def read(readline: Callable[[], str]) -> None:
        while line := readline():
            lines.append(line)

    with subprocess.Popen(
        [*command, "--state-dir", str(platform.state_dir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        reader = threading.Thread(target=read, args=(process.stdout.readline,), daemon=True)
        reader.start()
        try:
            wait_for(lambda: lines, what="the end of the log")
            yield lines
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0
            assert process.stderr.read() == ""
        finally:
            process.kill()
            reader.join(10)


def test_every_part_listens_on_loopback_only(platform: Platform) -> None:
    platform.login("mira-member")
    pids = {part["name"]: part["pid"] for part in platform.status()["components"]}
    assert set(pids) == {*PARTS, "forks"}  # which listens on a socket of its own
    found = {name: set(listeners(pids[name])) for name in PARTS}
    assert all(found.values())  # each listens somewhere
    assert platform.port in {port for _, port in found["proxy"]}
    assert {address for name in PARTS for address, _ in found[name]} == {"127.0.0.1"}
    assert platform.process is not None
    others = [listeners(pid) for pid in descendants(platform.process.pid)]
    assert {address for found in others for address, _ in found} == {"127.0.0.1"}


def listeners(pid: int) -> Iterator[tuple[str, int]]:
    """Give the addresses on which a process listens."""
    own = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            own.add(str(descriptor.readlink()))
        except OSError:
            continue
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
        except OSError:  # it has ended
            return
        for line in lines:
            fields = line.split()
            if fields[3] == LISTENS and f"socket:[{fields[9]}]" in own:
                address, port = fields[1].split(":")
                readable = ".".join(str(byte) for byte in reversed(bytes.fromhex(address)))
                yield (readable if table == "tcp" else address), int(port, 16)


def descendants(pid: int) -> list[int]:
    """Return the processes that a process started, and that these started."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found, seen = [pid], 0
    while seen < len(found):
        found += [child for child, parent in parents.items() if parent == found[seen]]
        seen += 1
    return found[1:]


OBJECT = "dp01_dc2_catalogs.object"
LONG = (
    f"SELECT COUNT(*) AS n FROM {OBJECT} AS a, {OBJECT} AS b, "
    f"(SELECT TOP 24 ra, dec FROM {OBJECT}) AS c WHERE SIN(a.ra * b.dec + c.ra) < 2"
)


def test_a_query_outlives_a_killed_hub(platform: Platform) -> None:
    platform.login("mira-member")
    token = platform.token("mira-member")
    objects = count_in(platform.query(f"SELECT COUNT(*) AS n FROM {OBJECT}", token))
    old = platform.pid_of("hub")
    answers: list[requests.Response] = []
    began = time.monotonic()
    running = threading.Thread(target=lambda: answers.append(platform.query(LONG, token)))
    running.start()
    time.sleep(0.3)
    os.kill(old, signal.SIGKILL)
    assert running.is_alive(), "the query was over before the hub was killed"
    running.join(60)
    assert time.monotonic() - began > 1
    assert count_in(answers[0]) == 24 * objects**2
    wait_for(lambda: hub_is_back(platform, old), seconds=60, what="the hub")


def count_in(answer: requests.Response) -> int:
    assert answer.status_code == 200, answer.text
    return int(parse_single_table(io.BytesIO(answer.content)).array["n"][0])


def hub_is_back(platform: Platform, old: int) -> bool:
    hub: Mapping[str, int] = next(
        part for part in platform.status()["components"] if part["name"] == "hub"
    )
    return bool(hub["healthy"]) and hub["pid"] != old


def test_ctrl_c_while_the_parts_are_being_started_is_quick(
    platform: Platform, tmp_path: Path
) -> None:
    site = Platform(tmp_path / "state").take_data_of(platform)
    log = site.state_dir / "logs" / "supervisor.log"
    for moment in ("supervisord started", "spawned: 'proxy'", "spawned: 'portal'"):
        log.unlink(missing_ok=True)
        process = site.run_in_background()
        wait_for(lambda: log.exists() and moment in log.read_text(), what=moment)  # noqa: B023
        assert site.stop() in {0, 130}
        assert process.returncode is not None
        assert "SIGKILL" not in log.read_text()
