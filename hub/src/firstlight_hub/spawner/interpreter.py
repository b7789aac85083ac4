"""The Python of kernels and terminals: the labs' packages, and what people install over them.

Notes
-----
A lab's server runs with the labs' own environment, isolated from everything in the home, so that
nothing that a person installs can keep their lab from starting. Kernels and terminals use a second
environment, which is almost empty. Its ``pyvenv.cfg`` turns the user site on, as in Rubin's labs;
one line in a ``.pth`` file replaces the machine's packages by those of the labs' environment. The
user site comes before these, so people can install a newer version of a package. The environment
cannot be written to, so pip installs into the user site without being told to. In a virtual
environment pip never uninstalls anything from the user site: the same line ends the resemblance,
after `sysconfig` has found the headers and the standard library.
"""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter

from firstlight_hub.spawner.files import replace_file

__all__ = ["KERNELS", "LabsPython", "install_interpreter"]

KERNELS = {"python3": "Python 3 (ipykernel)", "lsst": "LSST"}
"""Kernels by name, with their titles; notebooks written at Rubin ask for ``lsst``."""

_KERNEL: dict[str, JsonValue] = {
    "language": "python",
    "metadata": {"kernel_provisioner": {"provisioner_name": "firstlight"}},
}
"""By our provisioner, a kernel's sockets are private; see `firstlight_lab.kernels`."""


class LabsPython(BaseModel):
    """What the labs' interpreter says about itself.

    Attributes
    ----------
    prefix
        The labs' environment.
    base
        The interpreter from which the environment was made.
    version
        Such as ``3.13``.
    """

    model_config = ConfigDict(frozen=True)

    prefix: Path
    base: Path
    version: str


def install_interpreter(folder: Path, labs: LabsPython) -> None:
    """Make the environment of kernels and terminals, or bring it up to date.

    Parameters
    ----------
    folder
        Where it belongs. People's programs refer to this path, so it must not change.
    labs
        The labs' own environment.

    Notes
    -----
    Running kernels use the files, so each is replaced atomically, and only if it changes.
    """
    programs = folder / "bin"
    packages = folder / "lib" / f"python{labs.version}" / "site-packages"
    _make_folder(folder, "")
    _make_folder(folder, "bin")
    _make_folder(folder, f"lib/python{labs.version}/site-packages")
    _write(
        folder / "pyvenv.cfg",
        f"home = {labs.base.parent}\n"
        "include-system-site-packages = true\n"
        f"version = {labs.version}\n",
    )
    _write(
        packages / "firstlight.pth",
        f"import site, sys, sysconfig; site.PREFIXES[:] = [{str(labs.prefix)!r}]; "
        "sys.base_prefix = sys.base_exec_prefix = sys.prefix\n",
    )
    _link(programs / "python", labs.base)
    for name in ("python3", f"python{labs.version}"):
        _link(programs / name, Path("python"))
    for name in ("pip", "pip3"):
        _write(programs / name, f'#!/bin/sh\nexec "{programs}/python" -m pip "$@"\n', 0o755)
    for name, title in KERNELS.items():
        _install_kernel(folder, labs, name, title)
    # Pip looks at this to decide whether to install into the user site.
    for directory in (folder, packages):
        directory.chmod(0o555)


def _install_kernel(folder: Path, labs: LabsPython, name: str, title: str) -> None:
    kernel = _make_folder(folder, f"share/jupyter/kernels/{name}")
    original = labs.prefix / "share" / "jupyter" / "kernels" / "python3"
    specification: dict[str, JsonValue] = {}
    with suppress(OSError):
        read = (original / "kernel.json").read_text()
        specification |= TypeAdapter(dict[str, JsonValue]).validate_json(read)
    argv = [str(folder / "bin" / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    specification |= _KERNEL | {"argv": list(argv), "display_name": title}
    _write(kernel / "kernel.json", json.dumps(specification, indent=1) + "\n")
    for logo in original.glob("logo-*"):
        if not (kernel / logo.name).exists():
            shutil.copyfile(logo, kernel / logo.name)
            (kernel / logo.name).chmod(0o644)


def _make_folder(top: Path, name: str) -> Path:
    """Make a directory that every lab can read, whatever the hub's file mode mask."""
    path = top
    for part in ("", *name.split("/")):
        path = path / part
        path.mkdir(exist_ok=True, parents=path == top)
        path.chmod(0o755)
    return path


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    with suppress(OSError):
        if path.read_text() == text:
            return
    replace_file(path, text.encode(), mode)


def _link(path: Path, target: Path) -> None:
    if path.is_symlink() and path.readlink() == target:
        return
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(path)
