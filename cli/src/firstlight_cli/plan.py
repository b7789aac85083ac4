"""Plan a run: settings resolved, ports chosen, both written where the components find them."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, JsonValue, ValidationError

from firstlight_cli.components import Description, Programs, describe_places, fill
from firstlight_cli.errors import OperatorError
from firstlight_cli.paths import PYTHON, Installation, State, write_private
from firstlight_cli.ports import choose_ports, is_free, why_taken
from firstlight_cli.version import VERSION
from firstlight_common.commands import make
from firstlight_common.origins import Origins
from firstlight_common.places import Places
from firstlight_common.runtime import Runtime, load_runtime

__all__ = [
    "Plan",
    "ask_hub_settings",
    "describe",
    "has_switch",
    "origins_of",
    "read_runtime",
    "settings_for",
    "unused_configuration",
    "write_plan",
]

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}

type Settings = dict[str, JsonValue]


@dataclass(frozen=True)
class Plan:
    """Everything that ``firstlight up`` decided."""

    state: State
    runtime: Runtime
    settings: Settings


class _Site(BaseModel):
    public_url: str | None


class _Network(BaseModel):
    bind: str


class _Labs(BaseModel):
    domain: str | None


class _Addresses(BaseModel):
    """The settings that the command itself needs."""

    site: _Site
    network: _Network
    labs: _Labs


def ask_hub_settings(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the hub's ``settings`` program, which owns the model of ``platform.yaml``."""
    return _run_hub("firstlight_hub.settings", *arguments)


def _run_hub(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PYTHON, "-m", module, *arguments], capture_output=True, text=True, check=False
    )


def describe(
    state: State,
    config: Path | None,
    *,
    demo: bool,
    check_machine: bool,
    overlay: Path | None = None,
) -> Description:
    """Return what a configuration file means: all settings, components and data sets.

    Parameters
    ----------
    demo
        Whether the components of a demo run too.
    check_machine
        Whether to check what the file names on this machine: secrets, files, addresses.
    overlay
        A file with settings of components to lay under and over it.

    Raises
    ------
    OperatorError
        With every problem of the file.
    """
    done = _run_hub(
        "firstlight_hub.describe",
        *("--state-dir", str(state.root)),
        *(("--config", str(config)) if config else ()),
        *(("--demo",) * demo),
        *(("--check-machine",) * check_machine),
        *(("--overlay", str(overlay)) if overlay else ()),
    )
    if done.returncode:
        raise OperatorError((done.stderr.strip() or done.stdout.strip()).removeprefix("✗ "))
    try:
        return Description.model_validate_json(done.stdout)
    except ValidationError as error:
        raise OperatorError(
            "The hub's description of the platform does not fit this version of the command.",
            f"Run `{make('environments')}`, then start the platform again.",
        ) from error


def read_runtime(state: State) -> Runtime | None:
    """Return what the last run decided; None if there was no run, or none of this release."""
    try:
        return load_runtime(state.root)
    except (OSError, ValueError):
        return None


class _Services(BaseModel):
    services: dict[str, JsonValue]


def has_switch(state: State, name: str) -> bool:
    """Return whether a setting can keep a component of the last run from running."""
    runtime = read_runtime(state)
    if runtime is None or runtime.front().name == name:  # the front page is always there
        return False
    try:
        settings = _Services.model_validate_json(state.settings.read_text())
    except (OSError, ValueError):
        return False
    section = settings.services.get(name)
    return isinstance(section, dict) and "enabled" in section


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
    # A demo brings its own identity provider, so a secret of the real one may be missing.
    description = describe(state, config, demo=demo, check_machine=not demo)
    wanted = _Addresses.model_validate(description.settings)
    address = bind or wanted.network.bind
    if demo and address not in _LOOPBACK:
        raise OperatorError(
            "A demo lets anybody log in as anybody, so it listens on loopback only.",
            "Leave out --demo, or set network.bind to 127.0.0.1.",
        )
    origins = origins_of(description.settings, bind=bind, port=port)
    _require_port(port, address)
    before = read_runtime(state)
    ports = choose_ports(
        [component.name for component in description.components],
        {component.name: component.port for component in before.components} if before else {},
        taken=port,
    )
    places = describe_places(
        description,
        state.root,
        Programs.find(),
        ports=ports,
        bind=address,
        public_port=port,
        public_url=origins.main,
        labs_domain=origins.labs_domain,
    )
    runtime = Runtime(
        state_dir=state.root,
        config=config,
        demo=demo,
        bind=address,
        port=port,
        public_url=origins.main,
        labs_domain=origins.labs_domain,
        labs_python=installation.labs_python,
        tutorials_dir=installation.tutorials,
        version=VERSION,
        components=fill(description.components, places),
        datasets=description.datasets,
    )
    settings = description.settings
    if description.over or description.under:
        settings = _with_overlays(state, config, description, places, demo=demo)
    write_private(state.runtime, runtime.model_dump_json(indent=1) + "\n")
    write_private(state.settings, json.dumps(settings, indent=1) + "\n")
    return Plan(state, runtime, settings)


def settings_for(plan: Plan) -> Settings:
    """Return the settings of a run as its configuration file now has them.

    Raises
    ------
    OperatorError
        With every problem of the file.
    """
    state, runtime = plan.state, plan.runtime
    description = describe(state, runtime.config, demo=runtime.demo, check_machine=not runtime.demo)
    if not (description.over or description.under):
        return description.settings
    places = describe_places(
        description,
        state.root,
        Programs.find(),
        ports={component.name: component.port for component in runtime.components},
        bind=runtime.bind,
        public_port=runtime.port,
        public_url=runtime.public_url,
        labs_domain=runtime.labs_domain,
    )
    return _with_overlays(state, runtime.config, description, places, demo=runtime.demo)


def _with_overlays(
    state: State, config: Path | None, description: Description, places: Places, *, demo: bool
) -> Settings:
    """Return the settings with what running components lay under and over the file."""
    filled = places.fill({"under": description.under, "over": description.over}, {})
    overlay = state.run / "overlay.json"
    write_private(overlay, json.dumps(filled, indent=1) + "\n")
    return describe(state, config, demo=demo, check_machine=False, overlay=overlay).settings


def origins_of(settings: Settings, *, bind: str | None, port: int) -> Origins:
    """Return where a site with these settings and its labs are.

    Raises
    ------
    OperatorError
        If it listens on all addresses, and no setting says which of them people use.
    """
    wanted = _Addresses.model_validate(settings)
    main = _public_url(wanted.site.public_url, bind or wanted.network.bind, port)
    # Browsers resolve NAME.localhost without DNS.
    local = "localhost" if urlsplit(main).hostname == "localhost" else ""
    return Origins(main, wanted.labs.domain or local)


def _public_url(configured: str | None, address: str, port: int) -> str:
    """Return the address that people use, without a trailing slash."""
    if configured:
        return configured.rstrip("/")
    if address in {"0.0.0.0", "::"}:  # noqa: S104
        raise OperatorError(
            f"The platform would listen on all addresses ({address}), but does not know which of "
            "them people use: every link and login would lead to their own machine.",
            "Set site.public_url in platform.yaml, or --bind one address of this machine.",
        )
    if address in _LOOPBACK:
        # A name, because a lab can have an origin of its own below a name only.
        return f"http://localhost:{port}"
    return f"http://{f'[{address}]' if ':' in address else address}:{port}"


def unused_configuration(config: Path | None) -> OperatorError | None:
    """Return the error for a ``platform.yaml`` in the current directory that no option names."""
    if config is not None or not Path("platform.yaml").is_file():
        return None
    return OperatorError(
        "The platform.yaml in this directory is not used.",
        "Start with --config platform.yaml (with make: CONFIG=platform.yaml).",
    )


def _require_port(port: int, address: str) -> None:
    if not (reason := why_taken(port, address)):
        return
    if not reason.startswith("Port"):
        raise OperatorError(
            reason, "Set network.bind (or --bind) to an address of this machine, such as 127.0.0.1."
        )
    other = next((n for n in range(port + 1, min(port + 100, 65536)) if is_free(n)), 8080)
    choose = "Stop what listens there, or choose" if reason.endswith("is taken.") else "Choose"
    raise OperatorError(reason, f"{choose} another: --port {other} (with make: PORT={other}).")
