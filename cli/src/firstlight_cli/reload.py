"""What a running platform takes up of a changed ``platform.yaml``: who has access."""

from __future__ import annotations

import json
from pathlib import Path

from firstlight_cli.errors import OperatorError
from firstlight_cli.paths import write_private
from firstlight_cli.plan import Plan, settings_for

__all__ = ["ConfigWatch"]


class ConfigWatch:
    """Looks whether the configuration of a running platform has changed.

    Parameters
    ----------
    plan
        The run.

    Notes
    -----
    The hub reads the lists in ``run/settings.json`` again when that is written. Everything else
    needs a start: sizes, addresses and services are parts of processes that run.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._settings = dict(plan.settings)
        named = plan.runtime["config"]
        self._file = Path(named) if named else None
        self._seen = self._stamp()

    def look(self) -> str | None:
        """Take up a change, and return what to tell the operator; None if there is none."""
        stamp = self._stamp()
        if stamp in (None, self._seen):
            return None
        self._seen = stamp
        name = self._file.name if self._file else ""
        try:
            new = settings_for(self._plan.state, self._file, self._plan.runtime)
        except OperatorError as error:
            return f"{name} has changed, and is not taken up:\n{error.message}"
        lists_changed = new["access"] != self._settings["access"]
        if lists_changed:
            self._settings["access"] = new["access"]
            text = json.dumps(self._settings, indent=1) + "\n"
            write_private(self._plan.state.settings, text)
        waiting = sorted(key for key in new if new[key] != self._settings.get(key))
        told = [f"{name} has changed."]
        if lists_changed:
            told.append("Who has access is taken up.")
        if waiting:
            told.append(f"To take up {', '.join(waiting)}, start the platform again.")
        return " ".join(told) if lists_changed or waiting else None

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = self._file.stat() if self._file else None
        except OSError:  # an editor is about to put the new one in its place
            return None
        return (status.st_mtime_ns, status.st_ino) if status else None
