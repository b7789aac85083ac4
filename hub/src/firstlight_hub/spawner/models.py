"""The specification of a lab and what the machine can enforce, as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

__all__ = [
    "Capabilities",
    "EtcFile",
    "Guarantee",
    "Hidden",
    "LabInstallation",
    "LabSpec",
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
        Why ``namespaces``, ``cgroups`` or ``filters`` are unavailable.
    filters
        Whether a lab's system calls can be filtered.
    """

    accounts: bool
    namespaces: Namespaces
    controllers: frozenset[str]
    reasons: dict[str, str] = field(default_factory=dict)
    filters: bool = True


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
