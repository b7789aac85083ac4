"""What this machine can enforce on labs, found out by trying."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from pydantic import BaseModel

from firstlight_hub.spawner.cgroups import CONTROLLERS, Hierarchy, find_hierarchy
from firstlight_hub.spawner.interpreter import LabsPython, install_interpreter
from firstlight_hub.spawner.models import (
    Capabilities,
    Hidden,
    LabInstallation,
    LabSpec,
    Namespaces,
    Network,
)
from firstlight_hub.spawner.start_parent import child_command

__all__ = [
    "InstallationError",
    "closed_directories",
    "inspect",
    "probe",
    "program_directories",
    "resolver_directories",
]

_ASK = """
import json, sys
try:
    from firstlight_lab.env import lab_environment
    variables = lab_environment()
except ImportError:
    variables = {}
places = [sys.prefix, sys.base_prefix, *sys.path]
base = getattr(sys, "_base_executable", None) or sys.executable
version = "%d.%d" % sys.version_info[:2]
python = {"prefix": sys.prefix, "base": base, "version": version}
print(json.dumps({"places": places, "variables": variables, "python": python}))
"""


class _Answer(BaseModel):
    """What the labs' interpreter answers to `_ASK`."""

    places: list[str]
    variables: dict[str, str]
    python: LabsPython


class InstallationError(Exception):
    """The labs' environment cannot be used."""


def probe(hierarchy: Hierarchy | None = None) -> Capabilities:
    """Return what can be enforced on labs; this takes some tenths of a second."""
    groups = find_hierarchy() if hierarchy is None else hierarchy
    root = os.geteuid() == 0
    namespaces: Namespaces = "root" if root else "user"
    shared = _try(namespaces, network=Network())
    problem = shared and _try(namespaces)
    reasons = {"cgroups": groups.reason or "this machine does not have all control groups"}
    if problem:
        reasons["namespaces"] = f"private namespaces cannot be created here ({problem})"
    if set(groups.roots) == set(CONTROLLERS):
        del reasons["cgroups"]
    obstacle = _try("", user_namespaces=False)
    if obstacle:
        reasons["filters"] = f"system calls cannot be filtered here ({obstacle})"
    if shared:
        reasons["network"] = f"a lab's own network cannot be created here ({shared})"
    return Capabilities(
        root,
        "" if problem else namespaces,
        frozenset(groups.roots),
        reasons,
        filters=not obstacle,
        network=not shared,
    )


@cache
def program_directories() -> tuple[Path, ...]:
    """Return the directories that the platform itself runs from."""
    checkout = Path(__file__).resolve().parents[4]
    sources = [checkout] if (checkout / "hub" / "src").is_dir() else []
    found = {*sources, *(Path(folder).resolve() for folder in (sys.prefix, sys.base_prefix))}
    return tuple(sorted(path for path in found if not found.intersection(path.parents)))


def resolver_directories() -> tuple[Path, ...]:
    """Return the directory of the machine's resolver configuration, if that is a link to it."""
    configuration = Path("/etc/resolv.conf")
    if not configuration.is_symlink() or not configuration.exists():
        return ()
    target = configuration.resolve()
    return (target if target.parent == Path("/run") else target.parent,)


def _try(kind: Namespaces, *, user_namespaces: bool = True, network: Network | None = None) -> str:
    """Run a program as a lab runs; return what went wrong, or an empty string."""
    trial = LabSpec(
        command=("/bin/sh", "-c", "exit 0"),
        environment={},
        directory="/",
        owner=(os.geteuid(), os.getegid()),
        account=False,
        processes=0,
        namespaces=kind,
        user_namespaces=user_namespaces,
        network=network,
        hidden=(Hidden("/tmp", "mode=1777,size=1m"),),  # noqa: S108
    )
    reading, writing = os.pipe()
    try:
        done = subprocess.run(
            child_command(writing),
            input=json.dumps(trial.as_json()).encode(),
            pass_fds=(writing,),
            capture_output=True,
            check=False,
            timeout=20,
        )
        os.close(writing)
        writing = -1
        answer = os.read(reading, 4096)
    finally:
        os.close(reading)
        if writing >= 0:
            os.close(writing)
    if answer:
        return str(json.loads(answer)["error"])
    return "" if done.returncode == 0 else done.stderr.decode(errors="replace").strip()[-200:]


def inspect(python: Path, kernels: Path | None = None) -> LabInstallation:
    """Ask the labs' interpreter which directories it reads and which variables it needs.

    Parameters
    ----------
    python
        The labs' interpreter.
    kernels
        Where to make the environment of kernels and terminals; None to make none.

    Raises
    ------
    InstallationError
        If it does not run, or the environment for kernels cannot be made.
    """
    try:
        done = subprocess.run(
            [str(python), "-c", _ASK],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            cwd="/",
        )
        answer = _Answer.model_validate_json(done.stdout)
        if kernels is not None:
            install_interpreter(kernels, answer.python)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise InstallationError(f"The labs' environment {python} does not run: {error}") from error
    places = [*answer.places, str(python.parent), *([str(kernels)] if kernels else [])]
    paths = {Path(place) for place in places if place and Path(place).is_dir()}
    paths |= {path.resolve() for path in paths}
    alone = {path for path in paths if not any(other in path.parents for other in paths)}
    return LabInstallation(python, tuple(sorted(alone)), answer.variables, kernels)


def closed_directories(paths: tuple[Path, ...]) -> frozenset[Path]:
    """Return those directories at or above some paths that other accounts may not pass through."""
    found = set()
    for path in paths:
        for folder in (path, *path.parents):
            try:
                if not folder.stat().st_mode & 0o001:
                    found.add(folder)
            except OSError:
                found.add(folder)
    return frozenset(found)
