"""Look after people who are active without asking the hub for a page."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterator
from typing import Any

from jupyterhub import orm, roles
from tornado.ioloop import PeriodicCallback

__all__ = ["Recheck", "evict"]

_AT_ONCE = 8


class Recheck:
    """Check everybody again who has a running lab or a token.

    Parameters
    ----------
    app
        The hub.
    authenticator
        Decides, through ``refresh_user``, and evicts.
    age
        After how many seconds a check is too old.

    Notes
    -----
    A check is due at 70 % of the age and looked for every 20 %, so that who has been taken off the
    lists is out within the age. It runs inside the hub, because the memory of who somebody is
    (their encrypted GitHub token) is there and should not leave it.
    """

    def __init__(self, app: Any, authenticator: Any, age: float) -> None:
        self._app = app
        self._authenticator = authenticator
        self._due_after = 0.7 * age
        self._slots = asyncio.Semaphore(_AT_ONCE)
        period = min(max(0.2 * age, 0.5), 30)
        self._callback = PeriodicCallback(self.run, period * 1000)

    def start(self) -> None:
        """Check from now on, as long as the hub runs."""
        self._callback.start()

    def stop(self) -> None:
        """Check no more."""
        self._callback.stop()

    async def run(self) -> None:
        """Check all who are due."""
        self._authenticator.take_up_lists()
        names = [user.name for user in self._active() if self._is_due(user.name)]
        await asyncio.gather(*(self._check(name) for name in names))

    def _active(self) -> Iterator[Any]:
        for user in self._app.db.query(orm.User):
            if user.api_tokens or any(spawner.server for spawner in user.orm_spawners.values()):
                yield user

    def _is_due(self, name: str) -> bool:
        checked = self._authenticator.checked.get(name)
        return checked is None or time.monotonic() - checked >= self._due_after

    async def _check(self, name: str) -> None:
        async with self._slots:
            orm_user = orm.User.find(self._app.db, name)
            if orm_user is None:
                return
            user = self._app.users[orm_user]
            try:
                result = await self._authenticator.refresh_user(user)
                if isinstance(result, dict):
                    await _apply(self._app, user, result)
            except Exception:
                self._app.log.exception("Checking %s again failed", name)


async def _apply(app: Any, user: Any, model: dict[str, Any]) -> None:
    """Do with a model what the hub does with it when a request refreshes (``auth_to_user``)."""
    user.admin = bool(model["admin"])
    roles.assign_default_roles(app.db, entity=user.orm_user)
    user.sync_groups(model["groups"])
    await user.save_auth_state(model["auth_state"])


async def evict(app: Any, user: Any) -> None:
    """Take somebody's access away: tokens, login, rights, and then the running lab.

    Notes
    -----
    Their files stay. What is still starting cannot be stopped; the next round does it.
    """
    db, orm_user = app.db, user.orm_user
    for credential in [*orm_user.api_tokens, *orm_user.oauth_codes]:
        db.delete(credential)
    orm_user.cookie_id = secrets.token_hex(16)
    user.admin = False
    roles.assign_default_roles(db, entity=orm_user)
    user.sync_groups([])
    await user.save_auth_state(None)
    db.commit()
    for name, spawner in list(user.spawners.items()):
        if spawner.active and not spawner.pending:
            await app.proxy.delete_user(user, name)
            await user.stop(name)
        elif end_leftover := getattr(spawner, "end_leftover", None):
            await end_leftover()
