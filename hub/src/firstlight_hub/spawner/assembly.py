"""From site, person and size to the specification of a lab: a pure function."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from firstlight_common.runtime import DataSet, Runtime
from firstlight_hub.settings.model import LabSize
from firstlight_hub.spawner import policy
from firstlight_hub.spawner.choices import Choices
from firstlight_hub.spawner.environment import (
    LabPlace,
    lab_variables,
    limit_variables,
    nublado_files,
)
from firstlight_hub.spawner.models import (
    Destination,
    EtcFile,
    Hidden,
    LabInstallation,
    LabSpec,
    Network,
    Seed,
    Shown,
)

__all__ = ["LabRequest", "LabSite", "assemble", "place_of", "repositories", "variables_of"]

_NUBLADO = Path("/etc/nublado")
_RUNTIME = "/run/jupyter"
"""Where a lab's kernels listen. A socket's path has at most 107 bytes, so no person's name and no
path of the site is part of it."""

_PLATFORM = ("EXTERNAL_INSTANCE_URL", "JUPYTERHUB_API_URL")
"""The variables with addresses that every lab needs."""

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
    passwd, group
        The machine's ``/etc/passwd`` and ``/etc/group``.
    resolver
        Directories that name resolution reads.
    internet
        What labs with a network of their own may reach besides the platform.
    programs
        The directories that the platform itself runs from.
    """

    state_dir: Path
    tutorials_dir: Path
    runtime: Runtime
    installation: LabInstallation
    closed: frozenset[Path]
    home_of_operator: Path
    passwd: str
    group: str
    resolver: tuple[Path, ...] = ()
    internet: tuple[Destination, ...] = ()
    programs: tuple[Path, ...] = ()

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
    choices
        What the person asked for besides the size.
    port
        Where the lab's server listens.
    """

    user: str
    owner: tuple[int, int]
    size: LabSize
    token: str
    hub_variables: Mapping[str, str]
    inherited: Mapping[str, str]
    cgroups: tuple[str, ...] = ()
    runtime: str = ""
    choices: Choices = field(default_factory=Choices)
    port: int = 0


def repositories(datasets: Iterable[DataSet]) -> tuple[Path, ...]:
    """Return the folders of the image repositories, which every lab reads."""
    return tuple(dataset.repository for dataset in datasets if dataset.repository is not None)


def place_of(site: LabSite, user: str, *, private: bool) -> LabPlace:
    """Return where a lab finds its home and its files, with and without a view of its own."""
    if private:
        return LabPlace(user, Path("/home") / user, _NUBLADO)
    folder = site.state_dir / "run" / "nublado" / user
    return LabPlace(user, site.state_dir / "homes" / user, folder, private=False)


def variables_of(site: LabSite, place: LabPlace, request: LabRequest) -> dict[str, str]:
    """Return all variables of a lab."""
    variables = lab_variables(
        place,
        runtime=site.runtime,
        token=request.token,
        installation=site.installation,
        inherited=request.inherited,
    )
    chosen = {}
    if request.choices.debug:
        chosen["DEBUG"] = "TRUE"
    if request.choices.reset:
        chosen["RESET_USER_ENV"] = "TRUE"
    return variables | dict(request.hub_variables) | limit_variables(request.size) | chosen


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
    variables = variables_of(site, place, request)
    hidden = _hidden(site, isolation, request) if private else ()
    home = Shown(str(site.state_dir / "homes" / request.user), str(place.home), writable=True)
    runtime = _RUNTIME if private else request.runtime
    if runtime:
        variables["JUPYTER_RUNTIME_DIR"] = runtime
    own = (home, *policy.shown_groups(request.cgroups))
    if not isolation.account:
        own = (*policy.guarded_paths(hidden, (*site.needed, *site.programs)), *own)
    return LabSpec(
        command=_command(site, request),
        environment=variables,
        directory=str(place.home),
        owner=request.owner,
        account=isolation.account,
        # A resource limit counts all processes of an account: of use only where a lab has its own.
        processes=request.size.processes
        if isolation.account and "pids" not in isolation.controllers
        else 0,
        namespaces=isolation.namespaces,
        user_namespaces=isolation.user_namespaces,
        keys=isolation.keys,
        network=_network(site, request, variables) if isolation.network else None,
        runtime=_RUNTIME if private else "",
        hidden=hidden,
        shown=policy.shown_paths(hidden, site.needed, own) if private else (),
        etc=_etc(site, request, place, variables) if private else {},
        cgroup_procs=tuple(f"{folder}/cgroup.procs" for folder in request.cgroups),
        seeds=(
            Seed(
                source=str(site.tutorials_dir),
                copy=str(place.home / "tutorials"),
                link=str(place.home / "tutorials-original"),
            ),
        ),
        reset=request.choices.reset,
    )


def _network(site: LabSite, request: LabRequest, variables: Mapping[str, str]) -> Network:
    """Return the lab's network, which leads to the platform's address and the hub's interface."""
    ours = [variables[name] for name in _PLATFORM if name in variables]
    return Network(request.port, tuple(dict.fromkeys(map(_target, ours))), site.internet)


def _target(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


def _command(site: LabSite, request: LabRequest) -> tuple[str, ...]:
    """Return the lab's command; ``-I`` keeps everything in the home out of the server."""
    command = (str(site.installation.python), "-I", "-m", "jupyterhub.singleuser", _LOGIN)
    return (*command, "--debug") if request.choices.debug else command


def _hidden(site: LabSite, isolation: policy.Isolation, request: LabRequest) -> tuple[Hidden, ...]:
    return policy.hidden_directories(
        state_dir=site.state_dir,
        needed=site.needed,
        closed=site.closed if isolation.account else (),
        home_of_operator=None if isolation.account else site.home_of_operator,
        memory=request.size.memory,
    )


def _etc(
    site: LabSite, request: LabRequest, place: LabPlace, variables: Mapping[str, str]
) -> dict[str, EtcFile]:
    """Return the files of the lab's own ``/etc``: its person, and what `lsst.rsp` reads."""
    uid, gid = request.owner
    me = f"{request.user}:x:{uid}:{gid}:{request.user}:{place.home}:/bin/bash"
    files = {
        "passwd": EtcFile(_with_entry(site.passwd, me)),
        "group": EtcFile(_with_entry(site.group, f"{request.user}:x:{gid}:")),
    }
    for name, file in nublado_files(site.runtime, request.token, variables).items():
        files[f"nublado/{name}"] = file
    return files


def _with_entry(text: str, entry: str) -> str:
    """Return an account file with one more entry, and no other for its number."""
    number = entry.split(":")[2]
    others = [line for line in text.splitlines() if line.split(":")[2:3] != [number]]
    return "\n".join([*others, entry]) + "\n"
