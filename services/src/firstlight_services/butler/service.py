"""The site's repositories: found by label, read once, and again when they change."""

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
class _Cached:
    """A repository's folder, and what was last read there."""

    folder: Path
    # One reader at a time: a request during a read waits for its answer.
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
        self._repositories = {label: _Cached(folder) for label, folder in folders.items()}
        self._reader = reader

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, sorted."""
        return tuple(sorted(self._repositories))

    async def describe(self, label: str) -> Repository:
        """Return what a repository holds.

        Raises
        ------
        ServiceError
            NOT_FOUND for a label that the site does not have; UNAVAILABLE while the repository is
            missing or cannot be read.
        """
        require_label(label, self._repositories)
        cached = self._repositories[label]
        async with cached.lock:
            # Stamped before it is read, so that a change in between is seen the next time.
            now = await asyncio.to_thread(_stamp_or_none, cached.folder)
            if now is None:
                raise _unavailable(label, "does not exist yet")
            if cached.read is None or cached.read[0] != now:
                cached.read = (now, await self._read(cached.folder, label))
            return cached.read[1]

    async def _read(self, folder: Path, label: str) -> Repository:
        try:
            return await asyncio.to_thread(self._reader, folder, label)
        except Exception as error:
            # Neither the Butler nor the libraries below it have a common base for their errors.
            _log.exception("%s cannot be read", label)
            raise _unavailable(label, "cannot be read at the moment") from error


def _stamp_or_none(folder: Path) -> Stamp | None:
    try:
        return stamp(folder)
    except OSError:
        _log.exception("%s cannot be opened", folder)
        return None


def _unavailable(label: str, what: str) -> ServiceError:
    return ServiceError(
        "repository_unavailable",
        f"The image repository {label} {what}.",
        hint="Try again in a minute. If it stays unavailable, tell the site's contact.",
        kind=Kind.UNAVAILABLE,
    )
