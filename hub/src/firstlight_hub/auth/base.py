"""What both ways to log in share: people, one-time links, and checking again."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from jupyterhub import orm
from jupyterhub.auth import Authenticator
from tornado.ioloop import IOLoop
from traitlets import Callable as TraitCallable
from traitlets import Instance, Unicode, default

from firstlight_hub.auth import links
from firstlight_hub.auth.lists import ListsFile
from firstlight_hub.auth.logout import LogoutHandler
from firstlight_hub.auth.models import Decision, Lists
from firstlight_hub.auth.policy import decide_local
from firstlight_hub.auth.recheck import Recheck, evict
from firstlight_hub.auth.refusals import LINK_FIELD, refusal, used_link
from firstlight_hub.people.models import LOCAL, Person
from firstlight_hub.people.store import PeopleStore

__all__ = ["PeopleAuthenticator"]


class PeopleAuthenticator(Authenticator):
    """Base of our authenticators: one-time links work beside every identity provider.

    Notes
    -----
    JupyterHub asks `refresh_user` again only when a person sends the hub a request with a cookie.
    Who just keeps a lab running or uses tokens is looked after by `Recheck`, which starts when the
    hub asks for handlers. Both end in `refresh_user`, and whoever it turns away is evicted: tokens
    revoked, login ended, lab stopped.
    """

    people_url = Unicode(
        "sqlite://",
        config=True,
        help="Database of people, as SQLAlchemy writes it. The default is forgotten at each start.",
    )
    lists = Instance(
        Lists, args=(), config=True, help="Who is let in, blocked, administers; default: nobody."
    )
    settings_file = Unicode(
        "",
        config=True,
        help="The run's settings; when they change, the lists are taken from there.",
    )
    after_logout_url = Unicode(
        "", config=True, help="Where a browser goes on after it is logged out of the hub."
    )
    after_start = TraitCallable(
        None, allow_none=True, config=True, help="Awaited with the hub once it has started."
    )
    contact = Unicode(
        "the operator of this site", config=True, help="Whom somebody turned away should ask."
    )
    public_origin = Unicode(
        "", config=True, help="The site's address without a path, for the links that are made."
    )

    app: Any = None
    """The hub, from `get_handlers` on."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._people: PeopleStore | None = None
        self._evictions: dict[str, asyncio.Task[None]] = {}
        self._recheck: Recheck | None = None
        self._lists_file = ListsFile(Path(self.settings_file)) if self.settings_file else None
        self._checking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.checked: dict[str, float] = {}

    @default("enable_auth_state")
    def _encrypted_auth_state(self) -> bool:
        return True

    @default("manage_groups")
    def _groups_follow_the_provider(self) -> bool:
        return True

    @default("refresh_pre_spawn")
    def _nobody_starts_a_lab_unchecked(self) -> bool:
        return True

    @default("auth_refresh_strict")
    def _turned_away_means_away(self) -> bool:
        return True

    @default("any_allow_config")
    def _lists_are_allow_config(self) -> bool:
        return True

    @property
    def people(self) -> PeopleStore:
        """The people; the database is opened at first use."""
        if self._people is None:
            self._people = PeopleStore.open(self.people_url)
        return self._people

    def get_handlers(self, app: Any) -> list[Any]:
        """Give the hub our handlers, and start looking after who is active."""
        self.app = app
        if self._recheck is None and self.auth_refresh_age:
            self._recheck = Recheck(app, self, self.auth_refresh_age)
            self._recheck.start()
        if self.after_start is not None:
            IOLoop.current().call_later(1, self.after_start, app)
        # The first that matches is taken: ours before an identity provider's.
        return [(r"/logout", LogoutHandler), *super().get_handlers(app), *links.handlers()]

    async def authenticate(
        self, handler: Any, data: dict[str, str] | None = None, **kwargs: Any
    ) -> dict[str, Any] | None:
        """Log somebody in, by a one-time link if there is one."""
        self.take_up_lists()
        if data and LINK_FIELD in data:
            return self._use_link(data[LINK_FIELD])
        return await super().authenticate(handler, data, **kwargs)

    def take_up_lists(self) -> None:
        """Decide by the lists as they are now."""
        if self._lists_file and (lists := self._lists_file.changed()) not in (None, self.lists):
            self.log.info("The lists of who is let in have changed")
            self.lists = lists

    def check_blocked_users(
        self, username: str, authentication: dict[str, Any] | None = None
    ) -> bool:
        """Turn away who is blocked; JupyterHub asks this even with ``allow_all``."""
        decision = _decision(authentication)
        if decision and decision.code == "blocked":
            raise refusal(403, decision.message)
        return bool(super().check_blocked_users(username, authentication))

    async def check_allowed(
        self, username: str, authentication: dict[str, Any] | None = None
    ) -> bool:
        """Let in who is on the lists, and nobody else."""
        decision = _decision(authentication)
        if decision is None:
            return False
        if not decision.allowed:
            self.log.warning("Turned away %s: %s", username, decision.code)
            raise refusal(403, decision.message)
        return True

    async def refresh_user(self, user: Any, handler: Any = None) -> Any:
        """Check somebody again; who is turned away is evicted.

        Returns
        -------
        bool or dict
            As JupyterHub wants it: false for out, a model to apply, or true for no change.
        """
        self.take_up_lists()
        # One at a time: a provider's refresh token works once, and the second would use it again.
        async with self._checking[user.name]:
            self.checked[user.name] = time.monotonic()
            result = await self._check_again(user, handler)
        if not result:
            self._evict(user)
        return result

    async def refresh_from_provider(self, user: Any, person: Person, handler: Any) -> Any:
        """Check somebody of an identity provider again; without one they are out."""
        del user, person, handler
        return False

    async def _check_again(self, user: Any, handler: Any) -> Any:
        person = self.people.by_username(user.name)
        if person is None:
            # Made by the operator through the hub's API, who vouches for them.
            self.log.info("Left alone: %s, who never logged in", user.name)
            return user.name not in self.lists.blocked
        if person.provider == LOCAL:
            self.people.touch(person.username)
            model = self._local_model(person)
            return model if model["decision"].allowed else False
        return await self.refresh_from_provider(user, person, handler)

    def is_hub_user(self, name: str) -> bool:
        """Tell whether the hub has a user of a name, whom perhaps the operator made there."""
        return self.app is not None and orm.User.find(self.app.db, name) is not None

    def _use_link(self, token: str) -> dict[str, Any]:
        person = self.people.use_link(token)
        if person is None:
            raise used_link(self.contact)
        return self._local_model(person)

    def _local_model(self, person: Person) -> dict[str, Any]:
        decision = decide_local(
            self.lists, person.username, operator=person.is_operator, contact=self.contact
        )
        return {
            "name": person.username,
            "admin": decision.admin,
            "groups": sorted(decision.groups),
            "auth_state": {"provider": LOCAL, "uid": person.uid},
            "decision": decision,
        }

    def _evict(self, user: Any) -> None:
        """Start to evict somebody, once at a time; the request goes on meanwhile."""
        if self.app is None or user.name in self._evictions:
            return
        self.log.warning("Evicting %s: no longer let in", user.name)
        task = asyncio.ensure_future(evict(self.app, user))
        self._evictions[user.name] = task
        task.add_done_callback(lambda done: self._evicted(user.name, done))

    def _evicted(self, name: str, task: asyncio.Task[None]) -> None:
        self._evictions.pop(name, None)
        if not task.cancelled() and (error := task.exception()):
            self.log.error("Evicting %s failed, it is tried again: %s", name, error)


def _decision(model: dict[str, Any] | None) -> Decision | None:
    return model.get("decision") if model else None
