"""Repeated checks of people who are active without opening the hub's pages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from jupyterhub import orm, roles
from tornado.ioloop import PeriodicCallback

from firstlight_hub.auth.auth_model import AuthModel
from firstlight_hub.auth.base import PeopleAuthenticator
from firstlight_hub.protocols import Hub, HubUser, OrmUser

__all__ = ["Recheck", "start_rechecks"]

_CONCURRENT = 8


async def start_rechecks(hub: Hub) -> None:
    """Check people repeatedly while the hub runs; a hook for `FirstLightHub.start_hooks`."""
    authenticator = hub.authenticator
    if isinstance(authenticator, PeopleAuthenticator) and authenticator.auth_refresh_age:
        Recheck(hub, authenticator, authenticator.auth_refresh_age).start()


class Recheck:
    """Check everybody again who has a running lab or a token.

    Parameters
    ----------
    hub
        The hub.
    authenticator
        Decides and evicts through ``refresh_user``.
    age
        After how many seconds a check is too old.

    Notes
    -----
    A check is due at 70 % of the age, and due checks are run every 20 %, so that somebody who is
    removed from the lists loses access within the age. It runs inside the hub because the encrypted
    GitHub tokens are there and should not leave it.
    """

    def __init__(self, hub: Hub, authenticator: PeopleAuthenticator, age: float) -> None:
        self._hub = hub
        self._authenticator = authenticator
        self._due_after = 0.7 * age
        self._slots = asyncio.Semaphore(_CONCURRENT)
        period = min(max(0.2 * age, 0.5), 30)
        self._callback = PeriodicCallback(self.run, period * 1000)

    def start(self) -> None:
        """Run the checks periodically from now on."""
        self._callback.start()

    async def run(self) -> None:
        """Check everybody whose check is due."""
        await self._authenticator.reload_lists()
        names = [user.name for user in self._active() if self._is_due(user.name)]
        await asyncio.gather(*(self._check(name) for name in names))

    def _active(self) -> Iterator[OrmUser]:
        for user in self._hub.db.query(orm.User):
            if user.api_tokens or any(spawner.server for spawner in user.orm_spawners.values()):
                yield user

    def _is_due(self, name: str) -> bool:
        checked = self._authenticator.checked.get(name)
        return checked is None or time.monotonic() - checked >= self._due_after

    async def _check(self, name: str) -> None:
        async with self._slots:
            orm_user = orm.User.find(self._hub.db, name)
            if orm_user is None:
                return
            user = self._hub.users[orm_user]
            try:
                result = await self._authenticator.refresh_user(user)
                if not isinstance(result, bool):
                    await _apply(self._hub, user, result)
            except Exception:
                self._hub.log.exception("Checking %s again failed", name)


async def _apply(hub: Hub, user: HubUser, model: AuthModel) -> None:
    """Apply a model as the hub does when a request refreshes it (``auth_to_user``)."""
    user.admin = bool(model["admin"])
    roles.assign_default_roles(hub.db, entity=user.orm_user)
    user.sync_groups(model["groups"])
    await user.save_auth_state(model["auth_state"])
