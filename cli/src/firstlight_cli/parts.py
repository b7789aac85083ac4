"""The parts of a running platform: command line, environment and health address of each."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from firstlight_cli.errors import OperatorError
from firstlight_cli.paths import Installation, State

__all__ = ["Part", "find_node", "parts_of"]

_SERVICES = {"tap": "/api/tap/", "butler": "/api/butler/", "portal": "/portal/"}


@dataclass(frozen=True)
class Part:
    """One process of the platform.

    Attributes
    ----------
    command
        Argument list; never holds a secret.
    environment
        What it needs besides the common variables.
    secrets
        Environment variable → name of the secret that it holds.
    health
        An address that answers 200 while the part is well.
    """

    name: str
    command: tuple[str, ...]
    health: str
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)


def parts_of(
    state: State, runtime: Mapping[str, Any], settings: Mapping[str, Any]
) -> tuple[Part, ...]:
    """List the parts that this configuration runs, in the order in which they start."""
    services = [
        _service(name, path, state, runtime)
        for name, path in _SERVICES.items()
        # The portal's process also serves the landing page, so it always runs.
        if name == "portal" or settings["services"][name]["enabled"]
    ]
    demo = [_demo_github(runtime)] if runtime["demo"] else []
    return (_proxy(runtime), _hub(state, runtime), *services, *demo)


def find_node(installation: Installation) -> str:
    """Return Node's program: the machine's, or the one that ``make`` installed.

    Raises
    ------
    OperatorError
        If there is neither.
    """
    own = installation.node_folder / "node"
    found = str(own) if own.exists() else shutil.which("node")
    if not found:
        raise OperatorError(
            "Node.js is missing; the proxy needs it.", "Run `make environments`, which installs it."
        )
    return found


def _local(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _proxy(runtime: Mapping[str, Any]) -> Part:
    installation = Installation.find()
    ports = runtime["ports"]
    portal = _local(ports["portal"])
    command = (
        find_node(installation),
        str(installation.proxy),
        *("--ip", runtime["bind"], "--port", str(runtime["port"])),
        *("--api-ip", "127.0.0.1", "--api-port", str(ports["proxy_api"])),
        *("--default-target", portal),
        # The proxy appends the status code to this address.
        *("--error-target", f"{portal}/_error/"),
        *("--log-level", "warn"),
    )
    host = runtime["bind"] if runtime["bind"] not in {"0.0.0.0", "::"} else "127.0.0.1"  # noqa: S104
    return Part(
        "proxy",
        command,
        health=f"http://{f'[{host}]' if ':' in host else host}:{runtime['port']}/portal/healthz",
        secrets={"CONFIGPROXY_AUTH_TOKEN": "proxy_token"},
    )


def _hub(state: State, runtime: Mapping[str, Any]) -> Part:
    package = find_spec("firstlight_hub")
    if package is None or package.origin is None:
        raise OperatorError("The hub is not installed.", "Run `make environments`.")
    configuration = Path(package.origin).parent / "jupyterhub_config.py"
    passed_on = ("GITHUB_CLIENT_SECRET", "GITHUB_CLIENT_ID")
    return Part(
        "hub",
        (sys.executable, "-m", "firstlight_hub", "-f", str(configuration)),
        health=f"{_local(runtime['ports']['hub'])}/nb/hub/health",
        environment={
            "FIRSTLIGHT_STATE_DIR": str(state.root),
            **{name: os.environ[name] for name in passed_on if name in os.environ},
        },
        secrets={"CONFIGPROXY_AUTH_TOKEN": "proxy_token", "JUPYTERHUB_CRYPT_KEY": "crypt_key"},
    )


def _service(name: str, path: str, state: State, runtime: Mapping[str, Any]) -> Part:
    return Part(
        name,
        (sys.executable, "-m", f"firstlight_services.{name}", "--state-dir", str(state.root)),
        health=f"{_local(runtime['ports'][name])}{path}healthz",
        environment={
            "JUPYTERHUB_API_URL": f"{_local(runtime['ports']['hub'])}/nb/hub/api",
            "JUPYTERHUB_BASE_URL": "/nb/",
            "JUPYTERHUB_CLIENT_ID": f"service-{name}",
            "JUPYTERHUB_SERVICE_NAME": name,
            "JUPYTERHUB_SERVICE_PREFIX": path,
        },
        secrets={"JUPYTERHUB_API_TOKEN": f"service_{name}"},
    )


def _demo_github(runtime: Mapping[str, Any]) -> Part:
    port = runtime["ports"]["demo_github"]
    public = runtime["public_url"]
    return Part(
        "demo-github",
        (
            *(sys.executable, "-m", "firstlight_demo"),
            *("--port", str(port)),
            *("--public-url", f"{public}/demo-github"),
            *("--callback-url", f"{public}/nb/hub/oauth_callback"),
        ),
        health=f"{_local(port)}/demo-github/",
        secrets={"DEMO_GITHUB_CLIENT_SECRET": "demo_github_client_secret"},
    )
