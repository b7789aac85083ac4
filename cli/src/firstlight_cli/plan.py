"""What one run is to be: settings resolved, ports chosen, written where the parts find them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from firstlight_cli import __version__
from firstlight_cli.errors import OperatorError
from firstlight_cli.paths import Installation, State, write_private
from firstlight_cli.ports import choose_ports, is_free, why_taken

__all__ = ["Plan", "ask_hub_settings", "merge", "read_runtime", "settings_for", "write_plan"]


@dataclass(frozen=True)
class Plan:
    """Everything that ``firstlight up`` decided."""

    state: State
    runtime: Mapping[str, Any]
    settings: Mapping[str, Any]

    @property
    def url(self) -> str:
        """The public address."""
        return str(self.runtime["public_url"])


def ask_hub_settings(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the hub's ``settings`` command: it owns the model of ``platform.yaml``."""
    return subprocess.run(
        [sys.executable, "-m", "firstlight_hub.settings", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def resolve(config: Path | None, *, outside: bool) -> dict[str, Any]:
    """Return the settings that a file means, with every default filled in.

    Parameters
    ----------
    outside
        Whether to look for what the file names on this machine: secrets, files, addresses.

    Raises
    ------
    OperatorError
        With every problem that the file has.
    """
    named = ("--config", str(config)) if config else ()
    done = ask_hub_settings("show", "--format", "json", *named, *(("--outside",) * outside))
    if done.returncode:
        raise OperatorError((done.stderr.strip() or done.stdout.strip()).removeprefix("✗ "))
    settings: dict[str, Any] = json.loads(done.stdout)
    return settings


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one mapping over another; mappings are merged, everything else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return merged


def read_runtime(state: State) -> dict[str, Any]:
    """Return the last run's decisions; empty if there was none."""
    try:
        found = json.loads(state.runtime.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_plan(
    state: State, *, port: int, config: Path | None, demo: bool, bind: str | None
) -> Plan:
    """Check what can be checked, decide the rest, and write ``run/*.json``.

    Raises
    ------
    OperatorError
        If the configuration is wrong, the port is taken or the disk is full.
    """
    installation = Installation.find()
    installation.require()
    # The demo brings its own identity provider, so a secret of the real one may be missing.
    settings = resolve(config, outside=not demo)
    address = bind or settings["network"]["bind"]
    if demo and address not in {"127.0.0.1", "::1", "localhost"}:
        raise OperatorError(
            "The demo lets everybody in as anybody, so it listens on loopback only.",
            "Leave out --demo, or set network.bind to 127.0.0.1.",
        )
    public = _public_url(settings, address, port)
    _require_port(port, address)
    before = read_runtime(state).get("ports", {})
    runtime = {
        "state_dir": str(state.root),
        "config": str(config) if config else None,
        "demo": demo,
        "bind": address,
        "port": port,
        "public_url": public,
        "ports": choose_ports(before, taken=port),
        "labs_python": str(installation.labs_python),
        "tutorials_dir": str(installation.tutorials),
        "version": __version__,
    }
    if demo:
        settings = settings_for(state, config, runtime)
    write_private(state.runtime, json.dumps(runtime, indent=1) + "\n")
    write_private(state.settings, json.dumps(settings, indent=1) + "\n")
    return Plan(state, runtime, settings)


def settings_for(state: State, config: Path | None, runtime: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a run: what the file means, with the demo laid over it if asked for.

    Raises
    ------
    OperatorError
        With every problem that the file has.
    """
    return _with_demo(state, config, runtime) if runtime["demo"] else resolve(config, outside=True)


def _with_demo(state: State, config: Path | None, runtime: Mapping[str, Any]) -> dict[str, Any]:
    """Let people log in through the pretend GitHub, whatever the file says of identity."""
    from firstlight_demo import DEMO_ACCESS, DEMO_SITE

    written = (yaml.safe_load(config.read_text()) if config else None) or {}
    places = {
        "url": f"{runtime['public_url']}/demo-github",
        "api_url": f"http://127.0.0.1:{runtime['ports']['demo_github']}/demo-github/api",
        "client_secret_file": str(state.secrets / "demo_github_client_secret"),
    }
    merged = merge(merge(DEMO_SITE, written), DEMO_ACCESS)
    merged = merge(merged, {"identity": {"github": places}})
    target = state.run / "demo.yaml"
    write_private(target, yaml.safe_dump(merged, allow_unicode=True, sort_keys=False))
    return resolve(target, outside=False)


def _public_url(settings: Mapping[str, Any], address: str, port: int) -> str:
    """Return the address that people type, without a slash at its end."""
    if configured := settings["site"]["public_url"]:
        return str(configured).rstrip("/")
    if address in {"0.0.0.0", "::"}:  # noqa: S104
        raise OperatorError(
            f"The platform would listen on all addresses ({address}), and nothing says which of "
            "them people type: every link and login would lead them to their own machine.",
            "Set site.public_url in platform.yaml, or --bind to one address of this machine.",
        )
    return f"http://{f'[{address}]' if ':' in address else address}:{port}"


def _require_port(port: int, address: str) -> None:
    if not (reason := why_taken(port, address)):
        return
    if not reason.startswith("Port"):
        raise OperatorError(
            reason, "Set network.bind (or --bind) to an address of this machine, such as 127.0.0.1."
        )
    other = next((n for n in range(port + 1, min(port + 100, 65536)) if is_free(n)), 8080)
    raise OperatorError(reason, f"Stop what listens there, or choose another: make up PORT={other}")
