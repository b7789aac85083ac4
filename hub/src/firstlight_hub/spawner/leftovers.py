"""Labs that run although the hub does not know them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from jupyterhub import orm

from firstlight_hub.protocols import EndsLeftovers, Hub

__all__ = ["end_leftovers"]


async def end_leftovers(hub: Hub, state_dir: Path) -> None:
    """End the labs that a hub left behind when it was killed while they were starting.

    Parameters
    ----------
    hub
        The hub.
    state_dir
        The platform's state directory, with a record of each lab in ``run/labs``.

    Notes
    -----
    With ``state_dir`` given, this is a hook for `FirstLightHub.start_hooks`.
    """
    for name in await asyncio.to_thread(_recorded, state_dir):
        orm_user = orm.User.find(hub.db, name)
        if orm_user is None:
            continue
        spawner = hub.users[orm_user].spawner
        if isinstance(spawner, EndsLeftovers):
            await spawner.end_leftover()


def _recorded(state_dir: Path) -> list[str]:
    return sorted(record.stem for record in (state_dir / "run" / "labs").glob("*.json"))
