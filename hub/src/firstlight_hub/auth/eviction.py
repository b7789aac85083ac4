"""Eviction: taking away the access of a person who is no longer allowed."""

from __future__ import annotations

import secrets

from jupyterhub import roles

from firstlight_hub.protocols import EndsLeftovers, Hub, HubUser

__all__ = ["evict"]


async def evict(hub: Hub, user: HubUser) -> None:
    """Revoke a person's tokens, end their login, take away their rights, and stop their lab.

    Notes
    -----
    Their files stay. A lab that is still starting cannot be stopped; the next check does it.
    """
    orm_user = user.orm_user
    for credential in [*orm_user.api_tokens, *orm_user.oauth_codes]:
        hub.db.delete(credential)
    orm_user.cookie_id = secrets.token_hex(16)
    user.admin = False
    roles.assign_default_roles(hub.db, entity=orm_user)
    user.sync_groups([])
    await user.save_auth_state(None)
    hub.db.commit()
    for name, spawner in list(user.spawners.items()):
        if spawner.active and not spawner.pending:
            await hub.proxy.delete_user(user, name)
            await user.stop(name)
        elif isinstance(spawner, EndsLeftovers):
            await spawner.end_leftover()
