"""The site's lists, reloaded when they change."""

from __future__ import annotations

from pathlib import Path

from firstlight_hub.auth.models import Lists
from firstlight_hub.settings import settings_model
from firstlight_hub.settings.model import Access

__all__ = ["ListsFile", "lists_of"]


def lists_of(access: Access) -> Lists:
    """Return the lists of ``platform.yaml`` as the policy reads them."""
    return Lists(
        users=access.users,
        organizations=access.organizations,
        teams=access.teams,
        blocked=access.blocked,
        admin_users=access.administrators.users,
        admin_teams=access.administrators.teams,
    )


class ListsFile:
    """The lists in a file of resolved settings (``run/settings.json``).

    Notes
    -----
    ``firstlight up`` checks a changed ``platform.yaml`` and replaces this file atomically, so what
    is read here is always valid.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._stamp()

    def changed(self) -> Lists | None:
        """Return the lists if the file was replaced since the last call."""
        stamp = self._stamp()
        if stamp in (None, self._seen):
            return None
        self._seen = stamp
        settings = settings_model().model_validate_json(self._path.read_text(encoding="utf-8"))
        return lists_of(settings.access)

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_ino
