"""What a lab's start does with the tutorials in a home: the second part of `start_home`.

Like that module it uses only the standard library, runs as the lab's user, and expects anything in
the home to be a link, a pipe, or in the way.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from typing import TypedDict

__all__ = ["MANIFEST", "Known", "Seed", "decide", "update"]

MANIFEST = ".originals.json"
"""In the copy of the tutorials: which versions of the originals have been dealt with."""

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Seed(TypedDict):
    """A directory to copy into the home, and a link to the original."""

    source: str
    copy: str
    link: str


class Known(TypedDict):
    """What the manifest has on one tutorial.

    `delivered` is what the person's file was when the platform last wrote it, and `seen` the latest
    original that has been dealt with; both are hashes. `stamp` is the size and time of that
    original, by which a start sees that nothing changed. `beside` is the name of the file next to
    it with a newer version, if there is one, and `beside_hash` what it was.
    """

    delivered: str
    seen: str
    stamp: str
    beside: str
    beside_hash: str


def decide(original: str, current: str, known: Known | None) -> str:
    """Decide what happens to one tutorial.

    Parameters
    ----------
    original
        The hash of the site's version.
    current
        The hash of the person's file; empty if there is none, ``?`` if it is not a file.
    known
        What the manifest has on it; None if the platform has never written it.

    Returns
    -------
    str
        ``keep`` it, ``record`` that it is up to date, ``write`` the original, or write the
        original ``beside`` it.
    """
    if known is not None and known["seen"] == original:
        return "keep"
    if current == original:
        return "record"
    if known is None:
        return "beside" if current else "write"
    if not current:
        return "record"  # the person deleted it, so it stays deleted
    return "write" if current in (known["delivered"], known["seen"]) else "beside"


def update(seed: Seed) -> list[str]:
    """Bring a copy up to date with the originals, and return what the person should know.

    Notes
    -----
    Nothing that a person wrote is changed. A file is complete when it gets its name, and what an
    interrupted start did is recognized by its contents at the next start.
    """
    if not os.path.lexists(seed["link"]):
        os.symlink(seed["source"], seed["link"])
    copy = seed["copy"]
    if not os.path.lexists(copy):
        os.mkdir(copy, 0o755)
    if not stat.S_ISDIR(os.lstat(copy).st_mode):
        return []  # they put something else there
    manifest = os.path.join(copy, MANIFEST)
    before = _read_manifest(manifest)
    after, beside = dict(before), []
    try:
        for name in _files(seed["source"]):
            entry = _update_one(seed, name, before.get(name))
            if entry is None:
                continue
            news = name not in before or before[name]["seen"] != entry["seen"]
            if news and entry["beside_hash"] == entry["seen"]:
                beside.append(entry["beside"])
            after[name] = entry
    finally:
        if after != before:
            _put(manifest, json.dumps(after, indent=1).encode())
    folder = os.path.basename(copy)
    return [
        "A tutorial that you have changed has a new version. Your own file is as you left it; "
        f"the new one is {folder}/{name}."
        for name in beside
    ]


def _update_one(seed: Seed, name: str, known: Known | None) -> Known | None:
    """Bring one tutorial up to date; None if there is nothing new about it."""
    source, copy = os.path.join(seed["source"], name), seed["copy"]
    status = os.stat(source)
    stamp = f"{status.st_size} {status.st_mtime_ns}"
    if (known is not None and known["stamp"] == stamp) or not _has_folders(copy, name):
        return None
    with open(source, "rb") as file:
        content = file.read()
    original, target = hashlib.sha256(content).hexdigest(), os.path.join(copy, name)
    current = _hash(target)
    entry = Known(delivered="", seen="", stamp="", beside="", beside_hash="")
    if known is not None:
        entry = known.copy()
    action = decide(original, current, known)
    if action == "write":
        _put(target, content)
    if action == "write" or current == original:
        entry["delivered"] = original
    if action == "beside":
        entry["beside"] = _put_beside(copy, name, content, entry)
        entry["beside_hash"] = original
    entry["seen"], entry["stamp"] = original, stamp
    return entry


def _files(source: str) -> list[str]:
    found = []
    for folder, _, names in os.walk(source):
        relative = os.path.relpath(folder, source)
        found += [os.path.normpath(os.path.join(relative, name)) for name in names]
    return sorted(found)


def _has_folders(copy: str, name: str) -> bool:
    """Make the folders of a tutorial; False if something else is in the way."""
    path = copy
    for part in name.split("/")[:-1]:
        path = os.path.join(path, part)
        if not os.path.lexists(path):
            os.mkdir(path, 0o755)
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            return False
    return True


def _read_manifest(path: str) -> dict[str, Known]:
    """Return the manifest; empty if there is none, or somebody has broken it."""
    try:
        content = json.loads(_read(path))
        return {str(name): _known(entry) for name, entry in content.items()}
    except (OSError, ValueError, LookupError, AttributeError, TypeError):
        return {}


def _known(entry: dict[str, str]) -> Known:
    return Known(
        delivered=str(entry["delivered"]),
        seen=str(entry["seen"]),
        stamp=str(entry["stamp"]),
        beside=str(entry["beside"]),
        beside_hash=str(entry["beside_hash"]),
    )


def _read(path: str) -> bytes:
    """Read a regular file, and neither follow a link nor wait for a pipe."""
    descriptor = os.open(path, _READ)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        return file.read()


def _hash(path: str) -> str:
    """Return a file's hash; empty if there is no such file, ``?`` if it cannot be read."""
    if not os.path.lexists(path):
        return ""
    try:
        return hashlib.sha256(_read(path)).hexdigest()
    except OSError:
        return "?"


def _put(target: str, content: bytes) -> None:
    """Write a file; until it is complete it has another name."""
    temporary = os.path.join(os.path.dirname(target), f".{os.path.basename(target)}.part")
    if os.path.lexists(temporary):
        os.unlink(temporary)
    try:
        with open(temporary, "xb") as file:
            file.write(content)
        os.rename(temporary, target)
    except OSError:
        if os.path.lexists(temporary):
            os.unlink(temporary)
        raise


def _put_beside(copy: str, name: str, content: bytes, known: Known) -> str:
    """Write a new version next to a file that its person has changed; return its name."""
    earlier = os.path.join(copy, known["beside"])
    if known["beside"] and _hash(earlier) == known["beside_hash"]:
        _put(earlier, content)
        return known["beside"]
    stem, extension = os.path.splitext(name)
    for number in ("", *(f"-{number}" for number in range(2, 100))):
        candidate = f"{stem}.new-version{number}{extension}"
        path = os.path.join(copy, candidate)
        if not os.path.lexists(path):
            _put(path, content)
            return candidate
        if _hash(path) == hashlib.sha256(content).hexdigest():
            return candidate  # an interrupted start wrote it
    raise OSError(errno.EEXIST, "too many new versions beside", name)
