"""What a lab finds in its environment and under ``/etc/nublado``, as `lsst.rsp` expects it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from firstlight_common.runtime import DataSet, Runtime
from firstlight_hub.settings.model import LabSize
from firstlight_hub.spawner.models import EtcFile

__all__ = ["LabPlace", "butler_repositories", "discovery", "lab_variables", "nublado_files"]

_KEPT_PREFIXES = ("LANG", "LC_", "OPENBLAS_", "TZ")


@dataclass(frozen=True)
class LabPlace:
    """Where a lab lives.

    Attributes
    ----------
    user
        The person's name in the hub.
    home
        Their home directory, as the lab sees it.
    nublado
        Where the files of `nublado_files` lie, as the lab sees them.
    """

    user: str
    home: Path
    nublado: Path


def butler_repositories(datasets: Iterable[DataSet]) -> dict[str, str]:
    """Return the image repositories by label, as ``DAF_BUTLER_REPOSITORIES`` names them."""
    return {
        dataset.label: str(dataset.repository / "butler.yaml")
        for dataset in datasets
        if dataset.repository is not None
    }


def discovery(runtime: Runtime) -> dict[str, JsonValue]:
    """Return the service discovery document, version 1, that `lsst.rsp` 1.0 reads.

    Notes
    -----
    `RSPDiscovery` sends the token to the addresses in here and to no other.
    """
    hub = runtime.component("hub")
    ui = {"nublado": hub.path.rstrip("/")}
    ui |= {page.component: page.path for page in runtime.pages()}
    tap = runtime.component("tap") if runtime.has("tap") else None
    catalogs: dict[str, JsonValue] = (
        {"tap": {"url": runtime.public_url + tap.path.rstrip("/")}} if tap else {}
    )
    return {
        "applications": [*ui, *catalogs],
        "datasets": {
            dataset.label: {
                "description": dataset.title,
                "services": catalogs if dataset.store else {},
            }
            for dataset in runtime.datasets
        },
        "services": {
            "internal": {},
            "ui": {name: {"url": runtime.public_url + path} for name, path in ui.items()},
        },
        "influxdb_databases": {},
    }


def nublado_files(runtime: Runtime, token: str) -> dict[str, EtcFile]:
    """Return the files of the runtime directory, by their path in it."""
    return {
        "discovery/v1.json": EtcFile(json.dumps(discovery(runtime), indent=1) + "\n"),
        "environment/EXTERNAL_INSTANCE_URL": EtcFile(runtime.public_url + "\n"),
        "secrets/token": EtcFile(token + "\n", 0o400),
    }


def lab_variables(
    place: LabPlace,
    *,
    size: LabSize,
    public_url: str,
    token: str,
    repositories: dict[str, str],
    python: Path,
    inherited: Mapping[str, str],
) -> dict[str, str]:
    """Return a lab's variables; those of JupyterHub come on top.

    Parameters
    ----------
    public_url
        The platform's address, without a trailing slash.
    token
        The person's token for the data services.
    inherited
        The hub's own environment, of which a lab gets locale, time zone and what the machine's
        numerical library needs.
    """
    kept = {name: value for name, value in inherited.items() if name.startswith(_KEPT_PREFIXES)}
    return {
        "LANG": "C.UTF-8",
        **kept,
        "HOME": str(place.home),
        "USER": place.user,
        "LOGNAME": place.user,
        "SHELL": "/bin/bash",
        "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
        "JUPYTERHUB_USER": place.user,
        "ACCESS_TOKEN": token,
        "EXTERNAL_INSTANCE_URL": public_url,
        "NUBLADO_RUNTIME_MOUNTS_DIR": str(place.nublado),
        "DAF_BUTLER_REPOSITORIES": json.dumps(repositories),
        # Numerical libraries start a thread for each core of the machine otherwise.
        "OMP_NUM_THREADS": str(math.ceil(size.cpu)),
    }
