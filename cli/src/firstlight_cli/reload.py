"""What a running platform reloads of a changed ``platform.yaml``: who has access."""

from __future__ import annotations

import json

from firstlight_cli.errors import OperatorError
from firstlight_cli.paths import write_private
from firstlight_cli.plan import Plan, settings_for

__all__ = ["ConfigWatch"]


class ConfigWatch:
    """Checks whether the configuration of a running platform has changed.

    Parameters
    ----------
    plan
        The run.

    Notes
    -----
    The hub reloads the lists in ``run/settings.json`` when that file is written. Everything else
    needs a restart: sizes, addresses and services are built into running processes.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._settings = dict(plan.settings)
        self._file = plan.runtime.config
        self._seen = self._stamp()

    def look(self) -> str | None:
        """Apply a change, and return what to tell the operator; None if there is none."""
        stamp = self._stamp()
        if stamp in (None, self._seen):
            return None
        self._seen = stamp
        name = self._file.name if self._file else ""
        try:
            new = settings_for(self._plan)
        except OperatorError as error:
            return f"{name} has changed, but was not reloaded:\n{error.message}"
        lists_changed = new["access"] != self._settings["access"]
        if lists_changed:
            self._settings["access"] = new["access"]
            text = json.dumps(self._settings, indent=1) + "\n"
            write_private(self._plan.state.settings, text)
        waiting = sorted(key for key in new if new[key] != self._settings.get(key))
        told = [f"{name} has changed."]
        if lists_changed:
            told.append("The new access lists are in effect.")
        if waiting:
            told.append(f"Restart the platform to apply {', '.join(waiting)}.")
        return " ".join(told) if lists_changed or waiting else None

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = self._file.stat() if self._file else None
        except OSError:  # an editor is replacing the file
            return None
        return (status.st_mtime_ns, status.st_ino) if status else None
