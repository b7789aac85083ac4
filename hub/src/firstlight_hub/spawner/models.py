"""What a lab is made of, as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

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
"""How private namespaces are made: by the superuser, by a user namespace, or not at all."""


@dataclass(frozen=True)
class LabInstallation:
    """The labs' environment on this machine.

    Attributes
    ----------
    python
        Its interpreter.
    paths
        Every directory that it reads: the environment, the interpreter's own, packages elsewhere.
    environment
        Variables that its packages ask for.
    """

    python: Path
    paths: tuple[Path, ...]
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Capabilities:
    """What this machine can hold a lab to.

    Attributes
    ----------
    accounts
        Whether each lab can run under a numeric user of its own.
    namespaces
        How private namespaces can be made.
    controllers
        The control groups that can be written: of ``memory``, ``cpu``, ``pids``.
    reasons
        Why something cannot be had, by ``namespaces`` or ``cgroups``.
    """

    accounts: bool
    namespaces: Namespaces
    controllers: frozenset[str]
    reasons: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Guarantee:
    """One thing that labs are held to on this machine, or are not."""

    name: str
    enforced: bool
    detail: str

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Shown:
    """A directory or file that a lab sees, though what is around it is hidden."""

    source: str
    target: str
    writable: bool = False


@dataclass(frozen=True)
class Hidden:
    """A directory of the machine in whose place a lab sees an empty one of its own."""

    path: str
    options: str = "mode=755,size=1m"


@dataclass(frozen=True)
class EtcFile:
    """A file of a lab's own ``/etc``; one that only its owner may read belongs to the lab."""

    text: str
    mode: int = 0o644


@dataclass(frozen=True)
class Seed:
    """A folder that each home gets a copy of, once, and a link to the original."""

    source: str
    copy: str
    link: str


@dataclass(frozen=True)
class LabSpec:
    """All that the launcher has to know; it travels as JSON through a pipe.

    Attributes
    ----------
    command, environment, directory
        What to execute, and where.
    owner
        Numeric user and group of the lab.
    account
        Whether the launcher has to become that user.
    processes
        Processes and threads at most, where no control group counts them; 0 for no limit.
    cgroup_procs
        Files to write the process into, to be held by the control groups.
    """

    command: tuple[str, ...]
    environment: dict[str, str]
    directory: str
    owner: tuple[int, int]
    account: bool
    processes: int
    namespaces: Namespaces
    hidden: tuple[Hidden, ...] = ()
    shown: tuple[Shown, ...] = ()
    etc: dict[str, EtcFile] = field(default_factory=dict)
    cgroup_procs: tuple[str, ...] = ()
    seeds: tuple[Seed, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data; holds secrets."""
        return asdict(self)
