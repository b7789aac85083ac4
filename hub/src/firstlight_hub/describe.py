"""``python -m firstlight_hub.describe``: what a run is made of, as JSON, for ``firstlight up``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

from pydantic import JsonValue

from firstlight_common import paths
from firstlight_common.components import Component
from firstlight_common.runtime import token_secret
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
        enabled = _is_enabled(component, dumped["services"], demo=demo)
        described.append(_described(component, enabled=enabled))
        if enabled and component.overlay is not None:
            under |= component.overlay.under
            over |= component.overlay.over
    datasets = resolve_datasets(settings.datasets, state_dir, sample_felis())
    return {
        "settings": dumped,
        "components": described,
        "datasets": [dataset.model_dump(mode="json") for dataset in datasets],
        "under": under,
        "over": over,
    }


def _is_enabled(
    component: Component, services: dict[str, dict[str, JsonValue]], *, demo: bool
) -> bool:
    if component.runs == "demo":
        return demo
    return component.runs == "always" or bool(services.get(component.name, {}).get("enabled", True))


def _described(component: Component, *, enabled: bool) -> dict[str, JsonValue]:
    environment, secrets = dict(component.environment), dict(component.secrets)
    service = component.hub_service
    if service is not None:
        # What JupyterHub gives to the services that it starts itself.
        environment |= {
            "JUPYTERHUB_API_URL": f"{{urls[hub]}}{paths.HUB}hub/api",
            "JUPYTERHUB_BASE_URL": paths.HUB,
            "JUPYTERHUB_CLIENT_ID": f"service-{component.name}",
            "JUPYTERHUB_SERVICE_NAME": component.name,
            "JUPYTERHUB_SERVICE_PREFIX": component.path,
        }
        secrets["JUPYTERHUB_API_TOKEN"] = token_secret(component.name)
    return {
        "name": component.name,
        "title": component.title,
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
        "acts_at": list(service.acts_at) if service else [],
    }


def sample_felis() -> Path | None:
    """Return the Felis file of Data Preview 0.1; the package is there with the catalog service."""
    package = find_spec(_SAMPLE_SCHEMAS)
    folders = package.submodule_search_locations if package else None
    return next((Path(folder) / _SAMPLE_FELIS for folder in folders or ()), None)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m firstlight_hub.describe")
    parser.add_argument("--state-dir", type=Path, required=True, metavar="DIR")
    parser.add_argument("--config", type=Path, metavar="FILE", help="default: no file")
    parser.add_argument("--demo", action="store_true", help="describe a demo")
    parser.add_argument(
        "--outside", action="store_true", help="also check what the file names on this machine"
    )
    options = parser.parse_args(arguments)
    try:
        components = discover()
        settings = load_settings(
            options.config, surroundings=os.environ if options.outside else None
        )
    except (ComponentError, SettingsError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    described = describe(components, settings, options.state_dir, demo=options.demo)
    sys.stdout.write(json.dumps(described, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
