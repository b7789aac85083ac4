"""The specification of a lab and what the machine can enforce, as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

__all__ = [
    "Capabilities",
    "Destination",
    "EtcFile",
    "Guarantee",
    "Hidden",
    "LabInstallation",
    "LabSpec",
    "Network",
    "Seed",
    "Shown",
]

Namespaces = Literal["root", "user", ""]
"""How private namespaces are created: by root, in a user namespace, or not at all."""


@dataclass(frozen=True)
class LabInstallation:
    """The labs' environment on this machine.

    Attributes
    ----------
    python
        Its interpreter.
    paths
        All directories that it reads: the environment, the interpreter's own, packages elsewhere.
    environment
        Variables that its packages need.
    kernels
        The environment of kernels and terminals, which `firstlight_hub.spawner.interpreter` makes.
    """

    python: Path
    paths: tuple[Path, ...]
    environment: dict[str, str] = field(default_factory=dict)
    kernels: Path | None = None


@dataclass(frozen=True)
class Capabilities:
    """What this machine can enforce on a lab.

    Attributes
    ----------
    accounts
        Whether each lab can run under a numeric user of its own.
    namespaces
        How private namespaces can be created.
    controllers
        The usable control groups, of ``memory``, ``cpu`` and ``pids``.
    reasons
        Why ``namespaces``, ``cgroups``, ``filters`` or ``network`` are unavailable.
    filters
        Whether a lab's system calls can be filtered.
    network
        Whether each lab can have a network of its own.
    """

    accounts: bool
    namespaces: Namespaces
    controllers: frozenset[str]
    reasons: dict[str, str] = field(default_factory=dict)
    filters: bool = True
    network: bool = True


@dataclass(frozen=True)
class Guarantee:
    """One kind of isolation or limit, and whether this machine enforces it."""

    name: str
    enforced: bool
    detail: str

    def as_json(self) -> dict[str, JsonValue]:
        """Return the guarantee as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Shown:
    """A directory or file that a lab sees although its surroundings are hidden."""

    source: str
    target: str
    writable: bool = False


@dataclass(frozen=True)
class Hidden:
    """A directory of the machine that a lab sees replaced by an empty one of its own."""

    path: str
    options: str = "mode=755,size=1m"


@dataclass(frozen=True)
class EtcFile:
    """A file of a lab's own ``/etc``; if only its owner may read it, that owner is the lab."""

    text: str
    mode: int = 0o644


@dataclass(frozen=True)
class Seed:
    """A directory that each home gets a copy of, kept up to date, and a link to the original."""

    source: str
    copy: str
    link: str


@dataclass(frozen=True)
class Destination:
    """A network that labs may reach, or ``internet``, and its ports; all if there are none."""

    network: str
    ports: tuple[int, ...] = ()


@dataclass(frozen=True)
class Network:
    """A lab's own network, which leads nowhere else.

    Attributes
    ----------
    port
        Where the lab's server listens on the lab's loopback, and where it is reached on the
        machine's; 0 for none.
    targets
        Hosts and ports of the platform itself.
    internet
        What else may be reached.
    """

    port: int = 0
    targets: tuple[tuple[str, int], ...] = ()
    internet: tuple[Destination, ...] = ()


@dataclass(frozen=True)
class LabSpec:
    """All that `start_child` has to know; it is sent as JSON through a pipe.

    Attributes
    ----------
    command, environment, directory
        What to execute, with which variables, and where.
    owner
        Numeric user and group of the lab.
    account
        Whether the child has to become that user.
    processes
        Maximum number of processes and threads, if no control group limits it; 0 for no limit.
    user_namespaces
        Whether the lab may create user namespaces.
    keys
        Whether the lab may use keys in the kernel.
    network
        The lab's own network; None if it shares the machine's. It needs private namespaces.
    runtime
        The directory for the lab's sockets, created in its private view; empty if it exists.
    cgroup_procs
        The ``cgroup.procs`` files to join the control groups by.
    reset
        Name of the directory in the home to move the person's environment to; empty to keep it.
    """

    command: tuple[str, ...]
    environment: dict[str, str]
    directory: str
    owner: tuple[int, int]
    account: bool
    processes: int
    namespaces: Namespaces
    user_namespaces: bool = True
    keys: bool = True
    network: Network | None = None
    runtime: str = ""
    hidden: tuple[Hidden, ...] = ()
    shown: tuple[Shown, ...] = ()
    etc: dict[str, EtcFile] = field(default_factory=dict)
    cgroup_procs: tuple[str, ...] = ()
    seeds: tuple[Seed, ...] = ()
    reset: str = ""

    def as_json(self) -> dict[str, JsonValue]:
        """Return the specification as plain data; it contains secrets."""
        return asdict(self)
