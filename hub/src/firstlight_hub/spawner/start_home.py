"""What a lab's start does in the home: reset, check, and bring the tutorials up to date.

`start_child` loads this file by its path: it uses only the standard library and imports nothing of
ours. It runs as the lab's user, because anything in a home may be a link to anywhere, and nothing
that it finds there may keep the lab from starting.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from firstlight_hub.spawner import start_tutorials
else:
    import start_tutorials  # `start_child` has put this directory on the path

__all__ = ["prepare"]

_OF_THE_ENVIRONMENT = (".cache", ".conda", ".config", ".eups", ".local", ".jupyter")
_IN_NOTEBOOKS = "notebooks/.user_setups"
_WRITTEN_BY_JUPYTER = (".jupyter", ".local/share/jupyter")


def prepare(
    environment: dict[str, str], seeds: list[start_tutorials.Seed], reset: str
) -> dict[str, str]:
    """Prepare a home, and return the variables that the lab starts with.

    Parameters
    ----------
    environment
        The lab's variables. ``HOME`` is the home; without it there is nothing to prepare.
    reset
        The name of the directory to move the person's environment to; empty to keep it.
    """
    home = environment.get("HOME")
    if not home:
        return environment
    notes = _reset(home, reset) if reset else []
    try:
        _check(home)
    except OSError as error:
        environment = _elsewhere(environment, error)
        notes.append(environment["ABNORMAL_STARTUP_MESSAGE"])
        return _tell(notes, environment)
    for seed in seeds:
        try:
            notes += start_tutorials.update(seed)
        except (OSError, ValueError) as error:
            notes.append(f"The tutorials could not be brought up to date: {error}.")
    return _tell(notes, environment)


# --- reset


def _reset(home: str, name: str) -> list[str]:
    """Move what a person installed and configured out of the way, as Nublado does."""
    notes, moved = [], False
    folder = os.path.join(home, name)
    for entry in (*_OF_THE_ENVIRONMENT, _IN_NOTEBOOKS):
        original, target = os.path.join(home, entry), os.path.join(folder, entry)
        if not os.path.lexists(original):
            continue
        try:
            os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
            if stat.S_ISDIR(os.lstat(original).st_mode):
                os.chmod(original, 0o700)  # a closed directory cannot be moved
            os.rename(original, target)
            moved = True
        except OSError as error:
            notes.append(f"{entry} could not be moved to {name}: {error.strerror}.")
    if moved:
        notes.append(f"Your environment was reset. What was there before is in {name}.")
    return notes or ["There was nothing to reset in your environment."]


# --- check


def _check(home: str) -> None:
    """Write where the lab's server will write.

    Raises
    ------
    OSError
        If it cannot.
    """
    for folder in ("", *_WRITTEN_BY_JUPYTER):
        path = os.path.join(home, folder)
        os.makedirs(path, mode=0o700, exist_ok=True)
        trial, name = tempfile.mkstemp(prefix=".firstlight-", dir=path)
        try:
            # Some file systems notice only at the end that there is no space left.
            os.write(trial, bytes(4096))
            if not folder:
                os.fsync(trial)
        finally:
            os.close(trial)
            os.unlink(name)


def _elsewhere(environment: dict[str, str], error: OSError) -> dict[str, str]:
    """Return the variables of a lab that starts although its home cannot be used."""
    number = error.errno or 0
    code, words = errno.errorcode.get(number, "UNKNOWN"), error.strerror or str(error)
    home = tempfile.mkdtemp(prefix="home-")
    if number in (errno.ENOSPC, errno.EDQUOT):
        advice = "Delete or move files, then stop your lab and start it again."
    else:
        advice = (
            "Remove what is in the way in .local or .jupyter, or choose “Reset my environment” "
            "when you start your lab again."
        )
    message = (
        f"Your home cannot be written to ({words}). This lab keeps its settings in a temporary "
        f"directory, and they will be lost. {advice}"
    )
    return environment | {
        "HOME": home,
        "ABNORMAL_STARTUP": "TRUE",
        "ABNORMAL_STARTUP_ERRNO": str(number),
        "ABNORMAL_STARTUP_STRERROR": words,
        "ABNORMAL_STARTUP_ERRORCODE": code,
        "ABNORMAL_STARTUP_MESSAGE": message,
    }


def _tell(notes: list[str], environment: dict[str, str]) -> dict[str, str]:
    """Let our JupyterLab extension show notes: it reads them from JupyterLab's page."""
    if not notes:
        return environment
    print(*notes, sep="\n", flush=True)  # noqa: T201 (the lab's log)
    try:
        # The directory of the lab's sockets ends with the lab, also where ``/tmp`` is shared.
        folder = tempfile.mkdtemp(prefix="notes-", dir=environment.get("JUPYTER_RUNTIME_DIR"))
        os.mkdir(os.path.join(folder, "labconfig"))
        with open(os.path.join(folder, "labconfig", "page_config.json"), "w") as file:
            json.dump({"firstlightNotes": json.dumps(notes)}, file)
    except OSError:
        return environment  # they are in the log
    others = environment.get("JUPYTER_CONFIG_PATH", "")
    path = os.pathsep.join(part for part in (folder, others) if part)
    return environment | {"JUPYTER_CONFIG_PATH": path}
