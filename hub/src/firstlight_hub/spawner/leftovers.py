"""Labs that run although the hub knows nothing of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyterhub import orm

__all__ = ["end_leftovers"]


async def end_leftovers(app: Any, state_dir: Path) -> None:
    """End the labs that a hub left behind when it was killed while they were starting.

    Parameters
    ----------
    app
        The hub.
    state_dir
        The platform's state directory, with a note of each lab in ``run/labs``.
    """
    for note in sorted((state_dir / "run" / "labs").glob("*.json")):
        person = orm.User.find(app.db, note.stem)
        if person is not None:
            await app.users[person].spawner.end_leftover()
