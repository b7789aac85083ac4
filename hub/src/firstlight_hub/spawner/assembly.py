"""From site, person and size to the specification of a lab: a pure function."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from firstlight_common.runtime import DataSet, Runtime
from firstlight_hub.settings.model import LabSize
from firstlight_hub.spawner import policy
from firstlight_hub.spawner.environment import (
    LabPlace,
    butler_repositories,
    lab_variables,
    nublado_files,
)
from firstlight_hub.spawner.models import (
    EtcFile,
    Hidden,
    LabInstallation,
    LabSpec,
    Seed,
    Shown,
)

__all__ = ["LabRequest", "LabSite", "assemble", "place_of", "repositories"]

_NUBLADO = Path("/etc/nublado")
_RUNTIME = "/run/jupyter"
"""Where a lab's kernels listen. A socket's path has at most 107 bytes, so no person's name and no
path of the site is part of it."""

# An argument, because JupyterHub's lab sets this trait over all configuration files.
_LOGIN = "--ServerApp.identity_provider_class=firstlight_lab.login.LabIdentityProvider"


@dataclass(frozen=True)
class LabSite:
    """What is the same for all labs of a site.

    Attributes
    ----------
    runtime
        What this run is made of.
    closed
        Directories that other accounts may not pass through.
    home_of_operator
        Whose account runs the hub.
    passwd
        The machine's ``/etc/passwd``.
    resolver
        Directories that name resolution reads.
    """

    state_dir: Path
    tutorials_dir: Path
    runtime: Runtime
    installation: LabInstallation
    closed: frozenset[Path]
    home_of_operator: Path
    passwd: str
    resolver: tuple[Path, ...] = ()

    @property
    def needed(self) -> tuple[Path, ...]:
        """What every lab reads."""
        return (
            *self.installation.paths,
            self.tutorials_dir,
            *repositories(self.runtime.datasets),
            *self.resolver,
        )


@dataclass(frozen=True)
class LabRequest:
    """Whose lab is to start, and with what.

    Attributes
    ----------
    owner
        Numeric user and group.
    token
        For the data services.
    hub_variables
        What JupyterHub tells its single-user servers.
    inherited
        The hub's own environment.
    cgroups
        Directories of the lab's control groups.
    runtime
        The directory for its sockets, where it has no view of its own.
    """

    user: str
    owner: tuple[int, int]
    size: LabSize
    token: str
    hub_variables: Mapping[str, str]
    inherited: Mapping[str, str]
    cgroups: tuple[str, ...] = ()
    runtime: str = ""


def repositories(datasets: Iterable[DataSet]) -> tuple[Path, ...]:
    """Return the folders of the image repositories, which every lab reads."""
    return tuple(dataset.repository for dataset in datasets if dataset.repository is not None)


def place_of(site: LabSite, user: str, *, private: bool) -> LabPlace:
    """Return where a lab finds its home and its files, with and without a view of its own."""
    if private:
        return LabPlace(user, Path("/home") / user, _NUBLADO)
    folder = site.state_dir / "run" / "nublado" / user
    return LabPlace(user, site.state_dir / "homes" / user, folder)


def assemble(site: LabSite, isolation: policy.Isolation, request: LabRequest) -> LabSpec:
    """Put a lab's specification together.

    Parameters
    ----------
    site
        The site.
    isolation
        What this lab will be held to.
    request
        Whose lab, which size.
    """
    private = bool(isolation.namespaces)
    place = place_of(site, request.user, private=private)
    python = site.installation.python
    variables = lab_variables(
        place,
        size=request.size,
        public_url=site.runtime.public_url,
        token=request.token,
        repositories=butler_repositories(site.runtime.datasets),
        python=python,
        inherited=request.inherited,
    )
    hidden = _hidden(site, isolation, request) if private else ()
    home = Shown(str(site.state_dir / "homes" / request.user), str(place.home), writable=True)
    runtime = _RUNTIME if private else request.runtime
    if runtime:
        variables["JUPYTER_RUNTIME_DIR"] = runtime
    own = (home, *policy.shown_groups(request.cgroups))
    return LabSpec(
        command=(str(python), "-m", "jupyterhub.singleuser", _LOGIN),
        environment={**site.installation.environment, **variables, **request.hub_variables},
        directory=str(place.home),
        owner=request.owner,
        account=isolation.account,
        # A resource limit counts all processes of an account: of use only where a lab has its own.
        processes=request.size.processes
        if isolation.account and "pids" not in isolation.controllers
        else 0,
        namespaces=isolation.namespaces,
        user_namespaces=isolation.user_namespaces,
        runtime=_RUNTIME if private else "",
        hidden=hidden,
        shown=policy.shown_paths(hidden, site.needed, own) if private else (),
        etc=_etc(site, request, place) if private else {},
        cgroup_procs=tuple(f"{folder}/cgroup.procs" for folder in request.cgroups),
        seeds=(
            Seed(
                source=str(site.tutorials_dir),
                copy=str(place.home / "tutorials"),
                link=str(place.home / "tutorials-original"),
            ),
        ),
    )


def _hidden(site: LabSite, isolation: policy.Isolation, request: LabRequest) -> tuple[Hidden, ...]:
    return policy.hidden_directories(
        state_dir=site.state_dir,
        needed=site.needed,
        closed=site.closed if isolation.account else (),
        home_of_operator=None if isolation.account else site.home_of_operator,
        memory=request.size.memory,
    )


def _etc(site: LabSite, request: LabRequest, place: LabPlace) -> dict[str, EtcFile]:
    """Return the files of the lab's own ``/etc``: its person, and what `lsst.rsp` reads."""
    uid, gid = request.owner
    others = [line for line in site.passwd.splitlines() if line.split(":")[2:3] != [str(uid)]]
    me = f"{request.user}:x:{uid}:{gid}:{request.user}:{place.home}:/bin/bash"
    files = {"passwd": EtcFile("\n".join([*others, me]) + "\n")}
    for name, file in nublado_files(site.runtime, request.token).items():
        files[f"nublado/{name}"] = file
    return files
