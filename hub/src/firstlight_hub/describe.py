"""``python -m firstlight_hub.describe``: what a run is made of, as JSON, for ``firstlight up``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path

from pydantic import BaseModel, JsonValue

from firstlight_common import paths
from firstlight_common.components import Component
from firstlight_common.merge import merge
from firstlight_common.runtime import client_id, token_secret
from firstlight_hub.components import ComponentError, discover
from firstlight_hub.settings import Settings, SettingsError, load_settings
from firstlight_hub.settings.datasets import resolve_datasets

__all__ = ["describe", "main", "sample_felis"]

_SAMPLE_SCHEMAS = "lsst.sdm.schemas"
_SAMPLE_FELIS = Path("archive") / "dp01_dc2.yaml"


def describe(
    components: Iterable[Component], settings: Settings, state_dir: Path, *, demo: bool
) -> dict[str, JsonValue]:
    """Return what ``firstlight up`` needs to plan a run.

    Parameters
    ----------
    components
        What is installed.
    settings
        The resolved ``platform.yaml``.
    state_dir
        The platform's state directory.
    demo
        Whether this is a demo.

    Returns
    -------
    dict
        ``components``: as `firstlight_common.runtime.RuntimeComponent`, but without ports, and with
        the placeholders of `Component`; ``datasets``; ``settings``; ``under`` and ``over``: what
        running components lay under and over ``platform.yaml``.
    """
    dumped = settings.model_dump(mode="json")
    described: list[JsonValue] = []
    under: dict[str, JsonValue] = {}
    over: dict[str, JsonValue] = {}
    for component in components:
        enabled = bool(dumped["services"].get(component.name, {}).get("enabled", True))
        runs = demo if component.runs == "demo" else enabled or component.runs == "always"
        described.append(_described(component, enabled=enabled, runs=runs))
        if runs and component.overlay is not None:
            under = merge(under, component.overlay.under)
            over = merge(over, component.overlay.over)
    datasets = resolve_datasets(settings.datasets, state_dir, sample_felis())
    return {
        "settings": dumped,
        "components": described,
        "datasets": [dataset.model_dump(mode="json") for dataset in datasets],
        "under": under,
        "over": over,
    }


def _described(component: Component, *, enabled: bool, runs: bool) -> dict[str, JsonValue]:
    environment, secrets = dict(component.environment), dict(component.secrets)
    service = component.hub_service
    if service is not None:
        # What JupyterHub gives to the services that it starts itself.
        environment |= {
            "JUPYTERHUB_API_URL": f"{{urls[hub]}}{paths.HUB}hub/api",
            "JUPYTERHUB_BASE_URL": paths.HUB,
            "JUPYTERHUB_CLIENT_ID": client_id(component.name),
            "JUPYTERHUB_SERVICE_NAME": component.name,
            "JUPYTERHUB_SERVICE_PREFIX": component.path,
        }
        secrets["JUPYTERHUB_API_TOKEN"] = token_secret(component.name)
    return {
        "name": component.name,
        "title": component.title,
        "runs": runs,
        "enabled": enabled,
        "path": component.path,
        "more_paths": list(component.more_paths),
        "health": component.health,
        "command": list(component.command),
        "prepare": list(component.prepare),
        "environment": {**environment},
        "passed_on": list(component.passed_on),
        "secrets": {**secrets},
        "secret_files": list(component.secret_files),
        "hub_service": service is not None,
        "allows": service.allows if service else "",
        "acts_at": list(service.acts_at) if service else [],
        "page": _page(component),
    }


def _page(component: Component) -> JsonValue:
    page = component.page
    if page is None:
        return None
    return {
        "component": component.name,
        "title": page.title,
        "description": page.description,
        "path": component.path + page.path,
        "needs": list(page.needs),
    }


def sample_felis() -> Path | None:
    """Return the Felis file of Data Preview 0.1; the package is there with the catalog service."""
    try:
        package = find_spec(_SAMPLE_SCHEMAS)
    except ModuleNotFoundError:
        return None
    folders = package.submodule_search_locations if package else None
    return next((Path(folder) / _SAMPLE_FELIS for folder in folders or ()), None)


def _read_overlay(path: Path | None) -> tuple[dict[str, JsonValue], dict[str, JsonValue]]:
    if path is None:
        return {}, {}
    overlay = Overlaid.model_validate_json(path.read_text(encoding="utf-8"))
    return overlay.under, overlay.over


class Overlaid(BaseModel):
    """Settings to lay under and over ``platform.yaml``, with all placeholders filled in."""

    under: dict[str, JsonValue]
    over: dict[str, JsonValue]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m firstlight_hub.describe")
    parser.add_argument("--state-dir", type=Path, required=True, metavar="DIR")
    parser.add_argument("--config", type=Path, metavar="FILE", help="default: no file")
    parser.add_argument("--demo", action="store_true", help="describe a demo")
    parser.add_argument(
        "--check-machine",
        action="store_true",
        help="also check what the file names",
    )
    parser.add_argument(
        "--overlay", type=Path, metavar="FILE", help="JSON with settings to lay under and over it"
    )
    options = parser.parse_args(arguments)
    try:
        # The answer goes to standard output; a description that prints must not get into it.
        with redirect_stdout(sys.stderr):
            components = discover()
            under, over = _read_overlay(options.overlay)
            settings = load_settings(
                options.config,
                surroundings=os.environ if options.check_machine else None,
                under=under,
                over=over,
            )
    except (ComponentError, SettingsError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    described = describe(components, settings, options.state_dir, demo=options.demo)
    sys.stdout.write(json.dumps(described, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
