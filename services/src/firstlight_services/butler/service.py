"""The site's repositories: found by label, read once, read again when they change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from firstlight_services.butler.models import Repository
from firstlight_services.butler.policy import require_label
from firstlight_services.butler.store import Stamp, read, stamp
from firstlight_services.web import Kind, ServiceError

__all__ = ["Repositories"]

_log = logging.getLogger(__name__)


@dataclass
class _Shelf:
    """A repository's folder, and what was last read there."""

    folder: Path
    # One reader at a time: whoever comes during a read waits for its answer.
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    read: tuple[Stamp, Repository] | None = None


class Repositories:
    """What the site's repositories hold.

    Parameters
    ----------
    folders
        Label → folder with a ``butler.yaml``.
    reader
        Reads a repository; runs in a thread.
    """

    def __init__(
        self, folders: Mapping[str, Path], *, reader: Callable[[Path, str], Repository] = read
    ) -> None:
        self._shelves = {label: _Shelf(folder) for label, folder in folders.items()}
        self._reader = reader

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, sorted."""
        return tuple(sorted(self._shelves))

    async def describe(self, label: str) -> Repository:
        """Return what a repository holds.

        Raises
        ------
        ServiceError
            NOT_FOUND for a label that the site does not have; UNAVAILABLE while the repository is
            missing or cannot be read.
        """
        require_label(label, self._shelves)
        shelf = self._shelves[label]
        async with shelf.lock:
            # Stamped before it is read: a change in between is seen the next time.
            now = await asyncio.to_thread(_stamp_or_none, shelf.folder)
            if now is None:
                raise _unavailable(label, "is not there yet")
            if shelf.read is None or shelf.read[0] != now:
                shelf.read = (now, await self._read(shelf.folder, label))
            return shelf.read[1]

    async def _read(self, folder: Path, label: str) -> Repository:
        try:
            return await asyncio.to_thread(self._reader, folder, label)
        except Exception as error:
            # The Butler has no common base for what it raises, nor has what is below it.
            _log.exception("%s cannot be read", label)
            raise _unavailable(label, "cannot be read just now") from error


def _stamp_or_none(folder: Path) -> Stamp | None:
    try:
        return stamp(folder)
    except OSError:
        _log.exception("%s cannot be looked into", folder)
        return None


def _unavailable(label: str, what: str) -> ServiceError:
    return ServiceError(
        "repository_unavailable",
        f"The image repository {label} {what}.",
        hint="Try again in a minute; if it stays away, tell the site's contact.",
        kind=Kind.UNAVAILABLE,
    )
