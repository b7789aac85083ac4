"""``firstlight doctor``: what is wrong with this machine or configuration, and the fix."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from firstlight_client.disk import free_bytes
from firstlight_client.errors import OperatorError
from firstlight_client.parts import find_node
from firstlight_client.paths import Installation, State
from firstlight_client.plan import ask_hub_settings, read_runtime
from firstlight_client.ports import is_free
from firstlight_client.status import ask_isolation, ask_status

__all__ = ["Finding", "examine"]

Verdict = Literal["ok", "warn", "fail"]
_GIBIBYTE = 1024**3


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    verdict: Verdict
    detail: str
    fix: str = ""

    def as_json(self) -> dict[str, str]:
        """Return it as plain data."""
        return asdict(self)


def examine(state: State, config: Path | None, port: int) -> Iterator[Finding]:
    """Look at everything that can be wrong, one thing at a time.

    Notes
    -----
    A check that itself breaks is a finding too: the doctor never dies.
    """
    installation = Installation.find()
    checks: list[Callable[[], Finding]] = [
        _python,
        lambda: _environment("platform", Path(sys.executable), installation),
        lambda: _environment("labs", installation.labs_python, installation),
        lambda: _node(installation),
        lambda: _proxy(installation),
        _chromium,
        lambda: _disk(state),
        lambda: _secrets(state),
        _open_files,
        lambda: _configuration(config or _last_config(state)),
        lambda: _instance(state, port),
    ]
    for check in checks:
        try:
            yield check()
        except OperatorError as error:
            yield Finding("doctor", "fail", error.message, error.fix)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            yield Finding("doctor", "warn", f"A check could not be made: {error}")
    yield from _isolation(state)


def _python() -> Finding:
    # This package does not install on an older Python; `make` says so before it gets here.
    return Finding("Python", "ok", ".".join(map(str, sys.version_info[:3])))


def _environment(name: str, python: Path, installation: Installation) -> Finding:
    """Compare what is installed with the lock file."""
    what = f"{name} environment"
    lock = installation.root / "requirements" / f"{name}.txt"
    if not python.exists():
        return Finding(what, "fail", "not installed", "Run `make environments`.")
    if not lock.exists():
        return Finding(what, "warn", "there is no lock file to compare with")
    program = (
        "import importlib.metadata as m;"
        "[print(d.name.lower().replace('_','-').replace('.','-')+'=='+d.version)"
        " for d in m.distributions()]"
    )
    done = subprocess.run(
        [str(python), "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    installed = set(done.stdout.split())
    wanted = set(re.findall(r"^([a-z0-9-]+==\S+)(?= \\)", lock.read_text(), re.MULTILINE))
    missing = sorted(wanted - installed)
    if missing:
        some = ", ".join(missing[:3])
        return Finding(
            what, "fail", f"{len(missing)} differ, such as {some}", "`make environments`"
        )
    return Finding(what, "ok", f"{len(wanted)} packages as locked")


def _node(installation: Installation) -> Finding:
    try:
        node = find_node(installation)
    except OperatorError as error:
        return Finding("Node.js", "fail", error.message, error.fix)
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    return Finding("Node.js", "ok", done.stdout.strip())


def _proxy(installation: Installation) -> Finding:
    """Start the proxy's program, which an older Node cannot."""
    if not installation.proxy.exists():
        return Finding("proxy", "fail", "not installed", "Run `make environments`.")
    command = [find_node(installation), str(installation.proxy), "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    if done.returncode:
        fix = "Install Node.js 22 or newer, or run `make environments`."
        return Finding("proxy", "fail", "this Node.js cannot run it", fix)
    return Finding("proxy", "ok", f"configurable-http-proxy {done.stdout.strip()}")


def _chromium() -> Finding:
    if shutil.which("chromium") and shutil.which("chromedriver"):
        return Finding("browser for tests", "ok", "Chromium and its driver")
    fix = "apt-get install chromium chromium-driver"
    return Finding("browser for tests", "warn", "missing; only `make test` needs it", fix)


def _disk(state: State) -> Finding:
    free = free_bytes(state)
    detail = f"{free / _GIBIBYTE:.1f} GiB free for {state.root}"
    if free < _GIBIBYTE // 2:
        return Finding("disk", "fail", detail, "Free some room, or use another --state-dir.")
    return Finding("disk", "ok" if free > 5 * _GIBIBYTE else "warn", detail)


def _secrets(state: State) -> Finding:
    if not state.secrets.exists():
        return Finding("secrets", "ok", "none yet; the first start makes them")
    entries = [state.secrets, *state.secrets.iterdir()]
    open_to_others = [entry.name for entry in entries if entry.stat().st_mode & 0o077]
    if open_to_others:
        fix = f"chmod -R go= {state.secrets}"
        return Finding("secrets", "fail", f"others may read {', '.join(open_to_others)}", fix)
    return Finding("secrets", "ok", "only their owner can read them")


def _open_files() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4096:
        fix = "Raise it: ulimit -n 65536, or LimitNOFILE= in the service's unit."
        return Finding("open files", "warn", f"limit {soft}; 100 people need 4096", fix)
    return Finding("open files", "ok", f"limit {soft}")


def _last_config(state: State) -> Path | None:
    named = read_runtime(state).get("config")
    return Path(named) if named else None


def _configuration(config: Path | None) -> Finding:
    if config is None:
        return Finding("configuration", "ok", "no platform.yaml: defaults")
    done = ask_hub_settings("check", "--config", str(config))
    if done.returncode:
        return Finding("configuration", "fail", (done.stderr or done.stdout).strip())
    return Finding("configuration", "ok", str(config))


def _instance(state: State, port: int) -> Finding:
    try:
        status = ask_status(state)
    except OperatorError:
        if is_free(port):
            return Finding("platform", "ok", f"not running; port {port} is free")
        fix = "Stop what listens there, or choose another --port."
        return Finding("platform", "warn", f"not running, and port {port} is taken", fix)
    ill = [part["name"] for part in status["parts"] if not part["healthy"]]
    if ill:
        return Finding(
            "platform", "fail", f"not healthy: {', '.join(ill)}", f"firstlight logs {ill[0]}"
        )
    return Finding("platform", "ok", f"running at {status['url']}")


def _isolation(state: State) -> Iterator[Finding]:
    """Say what protects one lab from another on this machine, and what does not."""
    report = ask_isolation(state)
    if not report:
        yield Finding("isolation", "warn", "the spawner could not tell what it can enforce")
    for entry in report:
        verdict: Verdict = "ok" if entry["enforced"] else "warn"
        fix = "" if entry["enforced"] or os.geteuid() == 0 else "Run the platform as root."
        yield Finding(f"isolation: {entry['name']}", verdict, entry["detail"], fix)
