"""What is left of labs that the hub does not know."""

from __future__ import annotations

import asyncio
from pathlib import Path

from jupyterhub import orm
from sqlalchemy.orm import Session

from firstlight_hub.protocols import EndsLeftovers, Hub
from firstlight_hub.spawner.tokens import people_with_lab_tokens

__all__ = ["end_leftovers"]


async def end_leftovers(hub: Hub, state_dir: Path) -> None:
    """Remove what a hub left behind of labs when it was killed while they were starting.

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
    _remove_servers(hub.db)
    # Every start begins with a token.
    recorded = await asyncio.to_thread(_recorded, state_dir)
    for name in sorted(recorded | people_with_lab_tokens(hub.db)):
        orm_user = orm.User.find(hub.db, name)
        if orm_user is None:
            continue
        spawner = hub.users[orm_user].spawner
        if isinstance(spawner, EndsLeftovers):
            await spawner.end_leftover()


def _remove_servers(session: Session) -> None:
    """Remove addresses of labs from the database that belong to no lab.

    Notes
    -----
    When a lab starts, JupyterHub stores its address (``User.spawn``) before it stores whose it is.
    """
    belongs = orm.Server.spawner.has() | orm.Server.service.has()
    for server in session.query(orm.Server).filter(~belongs):
        session.delete(server)
    session.commit()


def _recorded(state_dir: Path) -> set[str]:
    return {record.stem for record in (state_dir / "run" / "labs").glob("*.json")}
