"""Pure decisions: which size a lab has, what it sees, and what is enforced."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from pydantic import JsonValue

from firstlight_hub.settings.model import Labs, LabSize
from firstlight_hub.spawner.models import Capabilities, Guarantee, Hidden, Namespaces, Shown

__all__ = [
    "Isolation",
    "UnknownSizeError",
    "choose_size",
    "decide_isolation",
    "guarantees",
    "hidden_directories",
    "shown_paths",
    "wanted_size",
]

_SHARED = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 (these are hidden, not used)


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


def decide_isolation(mode: str, can: Capabilities) -> Isolation:
    """Decide what is enforced, given the site's setting and the machine's capabilities.

    Parameters
    ----------
    mode
        ``spawner.isolation`` of ``platform.yaml``.
    can
        What this machine can enforce.

    Notes
    -----
    Whatever the mode, root's own account never runs a lab.
    """
    if mode == "off":
        return Isolation(can.accounts, "", frozenset())
    missing = []
    if mode == "require":
        missing = [item.name for item in guarantees(mode, can) if not item.enforced]
        missing.remove("Network between labs")  # never enforced on one machine
    return Isolation(can.accounts, can.namespaces, can.controllers, tuple(missing))


def guarantees(mode: str, can: Capabilities) -> tuple[Guarantee, ...]:
    """Return what is enforced on labs on this machine; where it is not, the reason."""
    off = mode == "off"
    turned_off = "turned off by spawner.isolation"
    why_not = {
        "account": "the platform does not run as root, so labs run as the operator",
        "namespaces": turned_off if off else can.reasons.get("namespaces", ""),
        "cgroups": turned_off if off else can.reasons.get("cgroups", ""),
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
        detail = "by control group, according to the chosen size" if held else why_not["cgroups"]
        found.append(Guarantee(name, held, detail))
    counted = "pids" in can.controllers and not off
    if counted:
        detail = "by control group, according to the chosen size"
    else:
        detail = "by resource limit, for all processes of the account"
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
    scratch
        Size of the lab's own ``/tmp`` in bytes.
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
    return tuple(found)


def shown_paths(
    hidden: Sequence[Hidden], needed: Iterable[Path], others: Iterable[Shown]
) -> tuple[Shown, ...]:
    """Return what has to be shown again because it is needed and would be hidden."""
    places = [Path(entry.path) for entry in hidden]
    found = [
        Shown(str(path), str(path))
        for path in needed
        if any(path.is_relative_to(place) for place in places)
    ]
    return (*found, *others)
