"""Home directories: one for each person, private to them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from firstlight_hub.spawner.models import EtcFile

__all__ = ["ensure_home", "write_private_files"]


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
