"""Pure decisions: which size, what a lab sees, what it is held to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from firstlight_hub.settings.model import Labs, LabSize
from firstlight_hub.spawner.models import Capabilities, Guarantee, Hidden, Namespaces, Shown

__all__ = [
    "Isolation",
    "UnknownSize",
    "choose_size",
    "decide_isolation",
    "guarantees",
    "hidden_directories",
    "shown_paths",
    "wanted_size",
]

_SHARED = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 (these are hidden, not used)


class UnknownSize(Exception):  # noqa: N818 (a person's choice, not a fault)
    """A size was asked for that is not offered."""


def choose_size(labs: Labs, options: Mapping[str, Any]) -> LabSize:
    """Return the size that somebody chose; without a choice, the site's default.

    Parameters
    ----------
    labs
        What is offered.
    options
        The hub's user options; a form sends lists.

    Raises
    ------
    UnknownSize
        With a sentence for the person.
    """
    wanted = wanted_size(options)
    if wanted is None:
        wanted = labs.default_size
    names = [size.name for size in labs.sizes]
    if wanted not in names:
        near = get_close_matches(wanted[:40], names, n=1)
        asked = f" Did you mean {near[0]}?" if near else ""
        raise UnknownSize(
            f"There is no lab size {wanted[:40]!r}.{asked} There are: {', '.join(names)}."
        )
    return labs.sizes[names.index(wanted)]


def wanted_size(options: Mapping[str, Any] | None) -> str | None:
    """Return the name of the size that somebody asked for; None if they did not.

    Parameters
    ----------
    options
        The hub's user options, of whatever a client sent or a database kept: a form sends lists.
    """
    wanted = (options or {}).get("size") or None
    if isinstance(wanted, list | tuple):
        wanted = wanted[0]
    return None if wanted is None else str(wanted)


@dataclass(frozen=True)
class Isolation:
    """What a lab will be held to; `missing` says what a site that requires all lacks."""

    account: bool
    namespaces: Namespaces
    controllers: frozenset[str]
    missing: tuple[str, ...] = ()


def decide_isolation(mode: str, can: Capabilities) -> Isolation:
    """Decide from the site's wish and the machine's means.

    Parameters
    ----------
    mode
        ``spawner.isolation`` of ``platform.yaml``.
    can
        What this machine can do.

    Notes
    -----
    Whatever the mode, the superuser's own account never runs a lab.
    """
    if mode == "off":
        return Isolation(can.accounts, "", frozenset())
    missing = []
    if mode == "require":
        missing = [item.name for item in guarantees(mode, can) if not item.enforced]
        missing.remove("Network between labs")  # nothing on one machine can promise it
    return Isolation(can.accounts, can.namespaces, can.controllers, tuple(missing))


def guarantees(mode: str, can: Capabilities) -> tuple[Guarantee, ...]:
    """Say what labs are held to on this machine, and what not and why."""
    off = mode == "off"
    switched = "switched off by spawner.isolation"
    why_not = {
        "account": "the platform does not run as root, so labs run as the operator",
        "namespaces": switched if off else can.reasons.get("namespaces", ""),
        "cgroups": switched if off else can.reasons.get("cgroups", ""),
    }
    private = bool(can.namespaces) and not off
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
    ]
    for controller, name in (("memory", "Memory limit"), ("cpu", "CPU limit")):
        held = controller in can.controllers and not off
        detail = "by control group, as the chosen size says" if held else why_not["cgroups"]
        found.append(Guarantee(name, held, detail))
    counted = "pids" in can.controllers and not off
    if counted:
        detail = "by control group, as the chosen size says"
    else:
        detail = "by resource limit, over all of the account's labs"
    found.append(Guarantee("Process limit", counted or (can.accounts and not off), detail))
    found.append(
        Guarantee(
            "Network between labs",
            False,
            "labs share the machine's loopback interface; every server on it asks for a token",
        )
    )
    return tuple(found)


def hidden_directories(
    *,
    state_dir: Path,
    needed: Iterable[Path],
    closed: Collection[Path],
    home_of_operator: Path | None,
    scratch: int,
) -> tuple[Hidden, ...]:
    """Return the directories that a lab must not see, parents first.

    Parameters
    ----------
    state_dir
        The platform's state, with secrets, logs and all homes.
    needed
        What a lab reads.
    closed
        Directories that a lab's account may not pass through.
    home_of_operator
        Hidden too where labs run as the operator.
    scratch
        Size of the lab's own ``/tmp``, bytes.
    """
    behind = {
        folder
        for path in needed
        for folder in path.parents
        if folder in closed and folder != Path("/")
    }
    private = behind | {state_dir, Path("/home")}
    if home_of_operator is not None and home_of_operator != Path("/"):
        private.add(home_of_operator)
    found = [Hidden(path, f"mode=1777,size={scratch}") for path in _SHARED]
    found += [Hidden(str(path)) for path in private]
    return tuple(sorted(found, key=lambda entry: entry.path.count("/")))


def shown_paths(
    hidden: Sequence[Hidden], needed: Iterable[Path], others: Iterable[Shown]
) -> tuple[Shown, ...]:
    """Return what has to be shown again, parents first: whatever is needed and would be hidden."""
    places = [Path(entry.path) for entry in hidden]
    found = [
        Shown(str(path), str(path))
        for path in needed
        if any(path.is_relative_to(place) for place in places)
    ]
    return tuple(sorted([*found, *others], key=lambda entry: entry.target.count("/")))
