"""Home directories: one for each person, theirs alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from firstlight_hub.spawner.models import EtcFile

__all__ = ["ensure_home", "ensure_private_folder", "write_private_files"]


def ensure_home(homes: Path, name: str, owner: tuple[int, int] | None) -> tuple[Path, bool]:
    """Make a person's home directory unless it is there.

    Parameters
    ----------
    homes
        The directory of all homes; nobody but the platform may write there.
    owner
        Numeric user and group; None where labs run as the operator.

    Returns
    -------
    home, new
        The directory, and whether it was made just now.

    Raises
    ------
    OSError
        If it cannot be made, or is something else than a directory of the person's.
    """
    homes.mkdir(mode=0o711, exist_ok=True)
    homes.chmod(0o711)
    home = homes / name
    new = not home.exists()
    ensure_private_folder(home, owner)
    return home, new


def ensure_private_folder(folder: Path, owner: tuple[int, int] | None) -> None:
    """Make a directory that only its owner can look into."""
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
    """Write files that a lab reads into a directory of its own, which only the lab may enter.

    Notes
    -----
    The lab gets the directory last: nothing in it is a link of the lab's while the platform writes.
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
