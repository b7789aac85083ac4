"""``firstlight doctor``: problems of this machine or configuration, and how to fix them."""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from firstlight_cli.components import find_node
from firstlight_cli.disk import free_bytes
from firstlight_cli.errors import OperatorError
from firstlight_cli.paths import PYTHON, Installation, State
from firstlight_cli.plan import (
    ask_hub_settings,
    describe,
    origins_of,
    read_runtime,
    unused_configuration,
)
from firstlight_cli.ports import is_free
from firstlight_cli.status import ask_isolation, ask_status
from firstlight_common.commands import firstlight, make

__all__ = ["Finding", "examine"]

Verdict = Literal["ok", "warn", "fail"]
_GIBIBYTE = 1024**3


_LIST = """
import importlib.metadata
for one in importlib.metadata.distributions():
    print("package", one.name.lower().replace("_", "-").replace(".", "-") + "==" + one.version)
    for file in one.files or ():
        if file.suffix != ".pyc" and not file.locate().exists():
            print("gone", file.locate().resolve())
"""
"""Lists an environment's packages, and those of their files that do not exist."""


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    what: str
    verdict: Verdict
    detail: str
    fix: str = ""

    def as_json(self) -> dict[str, str]:
        """Return it as plain data."""
        return asdict(self)


def _ok(what: str, detail: str) -> Finding:
    return Finding(what, "ok", detail)


def _warn(what: str, detail: str, fix: str) -> Finding:
    return Finding(what, "warn", detail, fix)


def _fail(what: str, detail: str, fix: str) -> Finding:
    return Finding(what, "fail", detail, fix)


def examine(state: State, config: Path | None, port: int) -> Iterator[Finding]:
    """Check everything that can be wrong, one thing at a time.

    Notes
    -----
    A check that itself fails is a finding too, so the command always finishes.
    """
    installation = Installation.find()
    checks: list[Callable[[], Finding]] = [
        _python,
        lambda: _environment("platform", Path(PYTHON), installation),
        lambda: _environment("labs", installation.labs_python, installation),
        lambda: _node(installation),
        lambda: _proxy(installation),
        _chromium,
        lambda: _disk(state),
        lambda: _secrets(state),
        _open_files,
        lambda: _configuration(state, config),
        lambda: _github_secret(config or _last_config(state)),
        lambda: _lab_origins(state, config, port),
        lambda: _instance(state, port),
    ]
    for check in checks:
        try:
            yield check()
        except OperatorError as error:
            yield _fail("doctor", error.message, error.fix or "Run that command.")
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            yield _warn("doctor", f"A check could not be run: {error}", "Fix that first.")
    yield from _isolation(state)


def _python() -> Finding:
    # This package does not install on an older Python; `make` says so before it gets here.
    return _ok("Python", ".".join(map(str, sys.version_info[:3])))


def _environment(name: str, python: Path, installation: Installation) -> Finding:
    """Compare what is installed with the lock file, and its files with the packages' lists."""
    what = f"{name} environment"
    lock = installation.root / "requirements" / f"{name}.txt"
    if not python.exists():
        return _fail(what, "not installed", f"Run `{make('environments')}`.")
    if not lock.exists():
        fix = f"Restore it: git restore {lock}"
        return _warn(what, "there is no lock file to compare with", fix)
    done = subprocess.run(
        [str(python), "-c", _LIST], capture_output=True, text=True, check=True, timeout=60
    )
    listed = [line.split(" ", 1) for line in done.stdout.splitlines()]
    installed = {value for kind, value in listed if kind == "package"}
    gone = sorted(value for kind, value in listed if kind == "gone")
    wanted = set(re.findall(r"^([a-z0-9-]+==\S+)(?= \\)", lock.read_text(), re.MULTILINE))
    missing = sorted(wanted - installed)
    if missing:
        some = ", ".join(missing[:3])
        return _fail(
            what, f"{len(missing)} differ, such as {some}", f"Run `{make('environments')}`."
        )
    if gone:
        fix = f"Run `rm -r {shlex.quote(str(python.parents[1]))}`, then `{make('environments')}`."
        return _fail(what, f"{len(gone)} files are missing, such as {gone[0]}", fix)
    return _ok(what, f"{len(wanted)} packages as locked")


def _node(installation: Installation) -> Finding:
    try:
        node = find_node(installation)
    except OperatorError as error:
        return _fail("Node.js", error.message, error.fix)
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    return _ok("Node.js", done.stdout.strip())


def _proxy(installation: Installation) -> Finding:
    """Run the proxy's program, which an older Node.js cannot."""
    if not installation.proxy_library.exists():
        return _fail("proxy", "not installed", f"Run `{make('environments')}`.")
    try:
        node = find_node(installation)
    except OperatorError as error:
        return _fail("proxy", error.message, error.fix)
    command = [node, str(installation.proxy), "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    if done.returncode:
        fix = f"Install Node.js 22 or newer, or run `{make('environments')}`."
        return _fail("proxy", "this Node.js cannot run it", fix)
    return _ok("proxy", f"configurable-http-proxy {done.stdout.strip()}")


def _chromium() -> Finding:
    if shutil.which("chromium") and shutil.which("chromedriver"):
        return _ok("browser for tests", "Chromium and its driver")
    fix = "apt-get install chromium chromium-driver"
    return _warn("browser for tests", "missing; only `make test` needs it", fix)


def _disk(state: State) -> Finding:
    free = free_bytes(state)
    detail = f"{free / _GIBIBYTE:.1f} GiB free for {state.root}"
    fix = "Free disk space, or use another --state-dir."
    if free < _GIBIBYTE // 2:
        return _fail("disk", detail, fix)
    return _ok("disk", detail) if free > 5 * _GIBIBYTE else _warn("disk", detail, fix)


def _secrets(state: State) -> Finding:
    if not state.secrets.exists():
        return _ok("secrets", "none yet; they are made at the first start")
    entries = [state.secrets, *state.secrets.iterdir()]
    open_to_others = [entry.name for entry in entries if entry.stat().st_mode & 0o077]
    if open_to_others:
        fix = f"chmod -R go= {shlex.quote(str(state.secrets))}"
        return _fail("secrets", f"others can read {', '.join(open_to_others)}", fix)
    return _ok("secrets", "only their owner can read them")


def _open_files() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4096:
        fix = "Raise it: ulimit -n 65536, or LimitNOFILE= in the service's unit."
        return _warn("open files", f"limit {soft}; 100 people need 4096", fix)
    return _ok("open files", f"limit {soft}")


def _last_config(state: State) -> Path | None:
    before = read_runtime(state)
    return before.config if before else None


def _configuration(state: State, named: Path | None) -> Finding:
    """Check the named file, or the last run's; a demo needs no GitHub secret."""
    config = named or _last_config(state)
    before = read_runtime(state)
    demo = named is None and before is not None and before.demo
    named_file = ("--config", str(config)) if config else ()
    done = ask_hub_settings("show" if demo else "check", *named_file)
    if done.returncode:
        fix = f"Fix it until this prints OK: {firstlight('config', 'check', *named_file)}"
        return _fail("configuration", (done.stderr or done.stdout).strip(), fix)
    if unused := unused_configuration(config):
        return _warn("configuration", unused.message.rstrip("."), unused.fix)
    return _ok("configuration", str(config or "no platform.yaml: defaults"))


def _github_secret(config: Path | None) -> Finding:
    what = "GitHub secret"
    named = ("--config", str(config)) if config else ()
    done = ask_hub_settings("show", "--format", "json", *named)
    github = json.loads(done.stdout)["identity"]["github"] if done.returncode == 0 else None
    path = Path(github["client_secret_file"]) if github and github["client_secret_file"] else None
    if path is None or not path.exists():
        return _ok(what, "no file holds one")
    if path.stat().st_mode & 0o007:
        return _warn(
            what, f"everybody on this machine can read {path}", f"chmod o= {shlex.quote(str(path))}"
        )
    return _ok(what, "its file is not readable by everybody")


def _lab_origins(state: State, named: Path | None, port: int) -> Finding:
    """Report whether labs have origins of their own, by the named file or in the last run."""
    before = read_runtime(state)
    if named is None and before is not None:
        origins = before.origins
    else:
        description = describe(state, named, demo=False, check_machine=False)
        origins = origins_of(description.settings, bind=None, port=port)
    if origins.labs_domain:
        return _ok("labs' origins", origins.summary)
    return _warn("labs' origins", origins.summary, origins.remedy)


def _instance(state: State, port: int) -> Finding:
    try:
        status = ask_status(state)
    except OperatorError:
        if is_free(port):
            return _ok("platform", f"not running; port {port} is free")
        fix = "Stop what listens there, or choose another --port."
        return _warn("platform", f"not running, and port {port} is taken", fix)
    unhealthy = [one.name for one in status.components if not one.healthy]
    if unhealthy:
        detail = f"not healthy: {', '.join(unhealthy)}"
        return _fail("platform", detail, firstlight("logs", unhealthy[0], state_dir=state.root))
    return _ok("platform", f"running at {status.url}")


def _isolation(state: State) -> Iterator[Finding]:
    """Report what protects one lab from another on this machine, and what does not."""
    report = ask_isolation(state)
    if not report:
        yield _warn(
            "isolation",
            "the spawner could not report what it can enforce",
            f"Run `{make('environments')}`.",
        )
    for entry in report:
        what, detail = f"isolation: {entry.name}", entry.detail
        if entry.enforced:
            yield _ok(what, detail)
        elif os.geteuid() == 0:
            yield _warn(what, detail, "What this means: docs/explanation/isolation.md")
        else:
            yield _warn(what, detail, "Run the platform as root.")
