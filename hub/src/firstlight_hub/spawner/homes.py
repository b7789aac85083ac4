"""Home directories and directories for sockets: one for each person, private to them."""

from __future__ import annotations

import os
import shutil
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from firstlight_common.groups import name_of_platform
from firstlight_hub.spawner.models import EtcFile

__all__ = ["create_runtime", "ensure_home", "remove_runtime", "runtimes", "write_private_files"]

_TMP = Path("/tmp")  # noqa: S108 (a name is made up, and must be new)


def ensure_home(homes: Path, name: str, owner: tuple[int, int] | None) -> tuple[Path, bool]:
    """Create a person's home directory unless it exists.

    Parameters
    ----------
    homes
        The directory of all homes, where only the platform may write.
    owner
        Numeric user and group; None if labs run as the operator.

    Returns
    -------
    home, new
        The directory, and whether it was created just now.

    Raises
    ------
    OSError
        If it cannot be created, or exists and is not a directory.
    """
    homes.mkdir(mode=0o711, exist_ok=True)
    homes.chmod(0o711)
    home = homes / name
    new = not home.exists()
    _ensure_private_folder(home, owner)
    return home, new


def _ensure_private_folder(folder: Path, owner: tuple[int, int] | None) -> None:
    """Create a directory that only its owner can enter."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if folder.is_symlink() or not folder.is_dir():
            raise
    if owner is not None:
        os.chown(folder, *owner, follow_symlinks=False)
    folder.chmod(0o700)


def create_runtime(state_dir: Path, user: str, owner: tuple[int, int] | None) -> str:
    """Create a directory for a lab's sockets where it sees the machine's files; return its path.

    Notes
    -----
    A socket's path has at most 107 bytes, and the state directory's path may be longer.
    """
    folder = tempfile.mkdtemp(prefix=_prefix(state_dir, user), dir=_TMP)
    if owner is not None:
        os.chown(folder, *owner)
    return folder


def runtimes(state_dir: Path, user: str) -> list[str]:
    """Return the directories for sockets that there are of a person's labs."""
    return [str(folder) for folder in _TMP.glob(f"{_prefix(state_dir, user)}*")]


def _prefix(state_dir: Path, user: str) -> str:
    """Return how the names of a person's directories begin, in few characters."""
    return f"{name_of_platform(state_dir)}-{zlib.crc32(user.encode()):08x}-"


def remove_runtime(folder: str) -> None:
    """Remove a directory for sockets; `shutil.rmtree` follows no link that the lab left there."""
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


def write_private_files(
    folder: Path, files: Mapping[str, EtcFile], owner: tuple[int, int] | None
) -> None:
    """Write files for a lab into a directory that only this lab may enter.

    Notes
    -----
    The directory is given to the lab last, so that the lab cannot put symbolic links where the
    platform writes.
    """
    folder.parent.mkdir(mode=0o711, exist_ok=True)
    folder.parent.chmod(0o711)
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700)
    for name, file in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text)
        path.chmod(file.mode)
        path.parent.chmod(0o755)
        if owner is not None:
            os.chown(path, *owner)
    if owner is not None:
        os.chown(folder, *owner)
