"""What a lab finds in its environment and under ``/etc/nublado``, as `lsst.rsp` expects it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from firstlight_common.runtime import DataSet, Runtime
from firstlight_hub.settings.model import LabSize
from firstlight_hub.spawner.models import EtcFile, LabInstallation

__all__ = [
    "IN_FILES",
    "LabPlace",
    "butler_repositories",
    "discovery",
    "lab_variables",
    "limit_variables",
    "nublado_files",
    "whole_cpus",
]

_KEPT_PREFIXES = ("LANG", "LC_", "OPENBLAS_CORETYPE", "TZ")
_THREADS = (
    "CPU_COUNT",
    "GOTO_NUM_THREADS",
    "MKL_DOMAIN_NUM_THREADS",
    "MPI_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "RAYON_NUM_THREADS",
)

IN_FILES = (
    "API_ROUTE",
    "CONTAINER_SIZE",
    "CPU_LIMIT",
    "EXTERNAL_INSTANCE_URL",
    "HUB_ROUTE",
    "JUPYTERHUB_ACTIVITY_INTERVAL",
    "MEM_LIMIT",
    "NUBLADO_RUNTIME_MOUNTS_DIR",
    "RSP_SITE_TYPE",
    "TAP_ROUTE",
    "TUTORIAL_NOTEBOOKS_DIR",
)
"""Variables that are also in files, under ``environment/`` of the runtime directory."""


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
    private
        Whether the lab has a view of the file system of its own, ``/tmp`` included.
    """

    user: str
    home: Path
    nublado: Path
    private: bool = True


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


def whole_cpus(size: LabSize) -> int:
    """Return the number of whole cores, at least 1, which is what programs expect."""
    return max(1, int(size.cpu))


def nublado_files(runtime: Runtime, token: str, variables: Mapping[str, str]) -> dict[str, EtcFile]:
    """Return the files of the runtime directory, by their path in it.

    Parameters
    ----------
    token
        The person's token for the data services.
    variables
        The lab's variables.
    """
    return {
        "discovery/v1.json": EtcFile(json.dumps(discovery(runtime), indent=1) + "\n"),
        "runtime/limits_cpu": EtcFile(variables["CPU_LIMIT"] + "\n"),
        "runtime/limits_memory": EtcFile(variables["MEM_LIMIT"] + "\n"),
        "secrets/token": EtcFile(token + "\n", 0o400),
        **{
            f"environment/{name}": EtcFile(variables[name] + "\n")
            for name in IN_FILES
            if name in variables
        },
    }


def limit_variables(size: LabSize) -> dict[str, str]:
    """Return the variables that describe a lab's size, and keep libraries to it.

    Notes
    -----
    Numerical libraries start a thread for each core of the machine otherwise. JupyterHub's own
    ``CPU_LIMIT`` may be a fraction, on which `lsst.resources` fails.
    """
    cpus = str(whole_cpus(size))
    memory = f"{size.memory / 1024**3:.3g}GiB"
    return {
        "CPU_LIMIT": cpus,
        "MEM_LIMIT": str(size.memory),
        "CONTAINER_SIZE": f"{size.title} ({float(size.cpu)} CPU, {memory} RAM)",
        **dict.fromkeys(_THREADS, cpus),
    }


def lab_variables(
    place: LabPlace,
    *,
    runtime: Runtime,
    token: str,
    installation: LabInstallation,
    inherited: Mapping[str, str],
) -> dict[str, str]:
    """Return a lab's variables; those of JupyterHub and of the lab's size come on top.

    Parameters
    ----------
    runtime
        What this run is made of.
    token
        The person's token for the data services.
    installation
        The labs' environment.
    inherited
        The hub's own environment, of which a lab gets locale, time zone and what the machine's
        numerical library needs.
    """
    kept = {name: value for name, value in inherited.items() if name.startswith(_KEPT_PREFIXES)}
    variables = {
        "LANG": "C.UTF-8",
        **kept,
        **installation.environment,
        "HOME": str(place.home),
        "USER": place.user,
        "LOGNAME": place.user,
        "SHELL": "/bin/bash",
        "PATH": _search_path(place, installation),
        "JUPYTER_PATH": _jupyter_path(installation),
        "JUPYTER_PREFER_ENV_PATH": "no",
        # Else pip would heed a distribution's ban on changing the machine's Python.
        "PIP_BREAK_SYSTEM_PACKAGES": "1",
        "JUPYTERHUB_USER": place.user,
        "JUPYTERHUB_ACTIVITY_INTERVAL": "300",
        "ACCESS_TOKEN": token,
        "NUBLADO_TOKEN": token,
        "EXTERNAL_INSTANCE_URL": runtime.public_url,
        "NUBLADO_RUNTIME_MOUNTS_DIR": str(place.nublado),
        "DAF_BUTLER_REPOSITORIES": json.dumps(butler_repositories(runtime.datasets)),
        # Where labs share /tmp, others could put files there first.
        "DAF_BUTLER_CACHE_DIRECTORY": "/tmp/butler_cache"  # noqa: S108
        if place.private
        else str(place.home / ".cache" / "butler"),
        "API_ROUTE": "/api",
        "HUB_ROUTE": runtime.component("hub").path + "hub",
        "RSP_SITE_TYPE": "science",
        "TUTORIAL_NOTEBOOKS_DIR": str(place.home / "tutorials-original"),
    }
    if runtime.has("tap"):
        variables["TAP_ROUTE"] = runtime.component("tap").path.rstrip("/")
    return variables


def _search_path(place: LabPlace, installation: LabInstallation) -> str:
    """Return the path of programs: the person's own, the lab's Python, then the machine's."""
    kernels = [installation.kernels / "bin"] if installation.kernels else []
    own = [place.home / ".local" / "bin", *kernels, installation.python.parent]
    return os.pathsep.join([*map(str, own), "/usr/local/bin", "/usr/bin", "/bin"])


def _jupyter_path(installation: LabInstallation) -> str:
    """Return the path of Jupyter's data: our kernels, our extension, then the labs' environment."""
    kernels = [str(installation.kernels / "share" / "jupyter")] if installation.kernels else []
    ours = installation.environment.get("JUPYTER_PATH")
    labs = str(installation.python.parent.parent / "share" / "jupyter")
    return os.pathsep.join([*kernels, *([ours] if ours else []), labs])
