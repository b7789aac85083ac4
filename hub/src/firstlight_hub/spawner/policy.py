"""Pure decisions: which size a lab has, what it sees, and what is enforced."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from pydantic import JsonValue

from firstlight_hub.settings.model import Labs, LabSize, Reachable
from firstlight_hub.spawner.cgroups import CONTROLLERS
from firstlight_hub.spawner.models import (
    Capabilities,
    Destination,
    Guarantee,
    Hidden,
    Namespaces,
    Shown,
)

__all__ = [
    "Isolation",
    "UnknownSizeError",
    "choose_size",
    "decide_isolation",
    "destinations",
    "guarantees",
    "guarded_paths",
    "hidden_directories",
    "shown_groups",
    "shown_paths",
    "wanted_size",
]

_GROUPS = Path("/sys/fs/cgroup")
_SCRATCH = {"/tmp": 4, "/var/tmp": 8, "/dev/shm": 8}  # noqa: S108 (these are hidden, not used)
"""Each one's share of a lab's memory is 1 / n: together half, so that a full lab still works."""
_BYTES_PER_FILE = 8192  # an empty file takes about 1 KiB of memory


class UnknownSizeError(Exception):
    """The requested size is not one of those offered."""


def choose_size(labs: Labs, options: Mapping[str, JsonValue]) -> LabSize:
    """Return the size that somebody chose, or the site's default if they did not choose.

    Parameters
    ----------
    labs
        The sizes that are offered.
    options
        The hub's user options; a form sends lists.

    Raises
    ------
    UnknownSizeError
        If the size is not offered; the message is for the person.
    """
    wanted = wanted_size(options)
    if wanted is None:
        wanted = labs.default_size
    names = [size.name for size in labs.sizes]
    if wanted not in names:
        near = get_close_matches(wanted[:40], names, n=1)
        asked = f" Did you mean {near[0]}?" if near else ""
        raise UnknownSizeError(
            f"There is no lab size {wanted[:40]!r}.{asked} Available: {', '.join(names)}."
        )
    return labs.sizes[names.index(wanted)]


def wanted_size(options: Mapping[str, JsonValue] | None) -> str | None:
    """Return the name of the size that somebody asked for, or None.

    Parameters
    ----------
    options
        The hub's user options, as a client sent them or the database kept them: a form sends lists.
    """
    wanted = (options or {}).get("size") or None
    if isinstance(wanted, list | tuple):
        wanted = wanted[0]
    return None if wanted is None else str(wanted)


@dataclass(frozen=True)
class Isolation:
    """What is enforced on a lab; `missing` is what a site with ``require`` would need."""

    account: bool
    namespaces: Namespaces
    controllers: frozenset[str]
    missing: tuple[str, ...] = ()
    user_namespaces: bool = False
    network: bool = False
    keys: bool = True


def decide_isolation(mode: str, can: Capabilities, *, user_namespaces: bool = False) -> Isolation:
    """Decide what is enforced, given the site's setting and the machine's capabilities.

    Parameters
    ----------
    mode
        ``spawner.isolation`` of ``platform.yaml``.
    can
        What this machine can enforce.
    user_namespaces
        ``spawner.user_namespaces``: whether the site allows them in labs.

    Notes
    -----
    Whatever the mode, root's own account never runs a lab.
    """
    nested = user_namespaces or not can.filters
    if mode == "off":
        return Isolation(can.accounts, "", frozenset(), user_namespaces=nested)
    missing = []
    if mode == "require":
        found = guarantees(mode, can, user_namespaces=user_namespaces)
        missing = [item.name for item in found if not item.enforced]
        if user_namespaces:
            missing.remove("No user namespaces")  # the site's own choice
    return Isolation(
        can.accounts,
        can.namespaces,
        can.controllers,
        tuple(missing),
        nested,
        network=bool(can.namespaces) and can.network,
        # Keys belong to an account, and without accounts of their own, labs have the operator's.
        keys=can.accounts or not can.filters,
    )


def guarantees(
    mode: str, can: Capabilities, *, user_namespaces: bool = False
) -> tuple[Guarantee, ...]:
    """Return what is enforced on labs on this machine; where it is not, the reason."""
    off = mode == "off"
    turned_off = "turned off by spawner.isolation"
    why_not = {
        "account": "the platform does not run as root, so labs run as the operator",
        "namespaces": turned_off if off else can.reasons.get("namespaces", ""),
        "cgroups": turned_off if off else can.reasons.get("cgroups", ""),
    }
    private = bool(can.namespaces) and not off
    apart = private or can.accounts
    found = [
        Guarantee(
            "Own account",
            can.accounts,
            "each lab runs under a numeric user of its own" if can.accounts else why_not["account"],
        ),
        Guarantee(
            "Private files",
            private,
            "a lab sees its own home and the data, no other home and none of the platform's files"
            if private
            else why_not["namespaces"],
        ),
        Guarantee(
            "Private processes",
            private,
            "a lab sees no process but its own" if private else why_not["namespaces"],
        ),
        Guarantee(
            "Private kernels",
            apart,
            "a lab's kernels listen on sockets that only this lab can reach"
            if apart
            else "every lab runs as the operator and sees every file",
        ),
        Guarantee(
            "Own address",
            apart,
            "a process of another lab on a lab's port is not served as that lab"
            if apart
            else "every lab can control every other lab's processes",
        ),
        _no_user_namespaces(can, user_namespaces),
    ]
    for controller, name in (("memory", "Memory limit"), ("cpu", "CPU limit")):
        held = controller in can.controllers and not off
        detail = "by control group, according to the chosen size" if held else why_not["cgroups"]
        found.append(Guarantee(name, held, detail))
    counted = "pids" in can.controllers and not off
    if counted:
        detail = "by control group, according to the chosen size"
    else:
        detail = "by resource limit, for all processes of the account"
    found.append(Guarantee("Process limit", counted or (can.accounts and not off), detail))
    apart = private and can.network
    why_not["network"] = can.reasons.get("network", "") if private else why_not["namespaces"]
    found.append(
        Guarantee(
            "Network between labs",
            apart,
            "a lab has a network of its own, where nothing but its server can be reached"
            if apart
            else f"labs share the machine's network ({why_not['network']})",
        )
    )
    found.append(
        Guarantee(
            "Outgoing connections",
            apart,
            "a lab reaches the platform, name resolution, and what spawner.internet allows"
            if apart
            else f"a lab can connect to whatever the machine can ({why_not['network']})",
        )
    )
    return tuple(found)


def destinations(internet: Iterable[Reachable]) -> tuple[Destination, ...]:
    """Return what ``spawner.internet`` lets labs reach besides the platform."""
    return tuple(Destination(one.network, one.ports) for one in internet)


def _no_user_namespaces(can: Capabilities, allowed: bool) -> Guarantee:
    held = can.filters and not allowed
    detail = "a lab cannot create or enter a user namespace"
    if not held:
        allowing = "spawner.user_namespaces allows them"
        detail = allowing if allowed else can.reasons.get("filters", "")
    return Guarantee("No user namespaces", held, detail)


def hidden_directories(
    *,
    state_dir: Path,
    needed: Iterable[Path],
    closed: Collection[Path],
    home_of_operator: Path | None,
    memory: int,
) -> tuple[Hidden, ...]:
    """Return the directories that a lab must not see, in any order.

    Parameters
    ----------
    state_dir
        The platform's state directory, with secrets, logs and all homes.
    needed
        What a lab reads.
    closed
        Directories that a lab's account may not pass through.
    home_of_operator
        Hidden too if labs run as the operator.
    memory
        The lab's memory in bytes. Files in its own ``/tmp`` and the like count as memory, and even
        if these are full, the lab has to work.
    """
    behind = {
        folder
        for path in needed
        for folder in path.parents
        if folder in closed and folder != Path("/")
    }
    private = behind | {state_dir, Path("/home"), _GROUPS}
    if home_of_operator is not None and home_of_operator != Path("/"):
        private.add(home_of_operator)
    # Services of the machine listen in /run, and some obey the account of an ordinary operator.
    found = [Hidden("/run", "mode=755,size=8m")]
    for path, share in _SCRATCH.items():
        size = memory // share
        files = size // _BYTES_PER_FILE
        found.append(Hidden(path, f"mode=1777,size={size},nr_inodes={files}"))
    found += [Hidden(str(path)) for path in private]
    return tuple(found)


def shown_groups(folders: Iterable[str]) -> tuple[Shown, ...]:
    """Return how a lab sees its own control groups: read-only, where programs look for limits.

    Parameters
    ----------
    folders
        The directories of the lab's groups.
    """
    found = []
    for folder in map(Path, folders):
        # Version 1 has a tree for each controller; version 2 has one.
        parts = folder.relative_to(_GROUPS).parts
        target = _GROUPS / parts[0] if parts[0] in CONTROLLERS else _GROUPS
        found.append(Shown(str(folder), str(target)))
    return tuple(found)


def shown_paths(
    hidden: Sequence[Hidden], needed: Iterable[Path], others: Iterable[Shown]
) -> tuple[Shown, ...]:
    """Return what has to be shown again because it is needed and would be hidden."""
    return (*(Shown(str(path), str(path)) for path in needed if _is_hidden(path, hidden)), *others)


def guarded_paths(hidden: Sequence[Hidden], paths: Iterable[Path]) -> tuple[Shown, ...]:
    """Return what a lab with the operator's account sees read-only, because it could change it.

    Parameters
    ----------
    hidden
        What the lab does not see.
    paths
        What the platform and all labs run or read.
    """
    return tuple(
        Shown(str(path), str(path)) for path in dict.fromkeys(paths) if not _is_hidden(path, hidden)
    )


def _is_hidden(path: Path, hidden: Iterable[Hidden]) -> bool:
    return any(path.is_relative_to(entry.path) for entry in hidden)
