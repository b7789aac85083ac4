"""What both ways to log in share: people, one-time links, and repeated checks."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate

from jupyterhub import orm
from jupyterhub.auth import Authenticator
from sqlalchemy import select
from traitlets import Instance, List, Unicode, default

from firstlight_common.commands import firstlight
from firstlight_hub.auth import links, users_api
from firstlight_hub.auth.auth_model import AuthModel
from firstlight_hub.auth.eviction import evict
from firstlight_hub.auth.lists import ListsFile
from firstlight_hub.auth.logout import LogoutHandler
from firstlight_hub.auth.models import Decision, Lists
from firstlight_hub.auth.policy import decide_local
from firstlight_hub.auth.refusals import LINK_FIELD, refusal, used_link
from firstlight_hub.people.models import LOCAL, Person
from firstlight_hub.people.names import username_candidates
from firstlight_hub.people.store import PeopleStore
from firstlight_hub.protocols import HasAccount, Hub, HubUser, Route

if TYPE_CHECKING:
    from jupyterhub.handlers import BaseHandler

__all__ = ["PeopleAuthenticator"]

_CANDIDATES = 20
"""How many names for a new person are looked up; the second has their immutable id already."""

# Spelling it looks at the disk, which nothing may do while the hub serves.
_LINK_COMMAND = firstlight("link", "--user", "NAME")


class PeopleAuthenticator(Authenticator):
    """Base of our authenticators: one-time links work with every identity provider.

    Notes
    -----
    JupyterHub calls `refresh_user` only when a person sends the hub a request with a cookie. People
    who just keep a lab running or use tokens are checked by `Recheck`, which starts with the hub.
    Both call `refresh_user`, and whoever it refuses is evicted: their tokens are revoked, their
    login ends and their lab is stopped.
    """

    people_url = Unicode(
        "sqlite://",
        config=True,
        help="SQLAlchemy URL of the database of people. The default is lost at every restart.",
    )
    lists = Instance(
        Lists,
        args=(),
        config=True,
        help="Who has access, is blocked, administers; default: nobody.",
    )
    settings_file = Unicode(
        "", config=True, help="The run's settings; the lists are reloaded when this file changes."
    )
    after_logout_url = Unicode(
        "", config=True, help="Where a browser is sent after logging out of the hub."
    )
    page_handlers = List(config=True, help="Routes of the site's own pages, for the hub to serve.")
    contact = Unicode(
        "the operator of this site", config=True, help="Whom to ask when access is denied."
    )
    public_origin = Unicode(
        "", config=True, help="The site's address without a path, for one-time links."
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._people: PeopleStore | None = None
        # One thread: the database has one writer at a time, and one in memory only one connection.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="people")
        self._evictions: dict[str, asyncio.Task[None]] = {}
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
    def _every_start_is_checked(self) -> bool:
        return True

    @default("auth_refresh_strict")
    def _denied_means_logged_out(self) -> bool:
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

    async def ask_people[**P, R](
        self, method: Callable[Concatenate[PeopleStore, P], R], *args: P.args, **keywords: P.kwargs
    ) -> R:
        """Call a method of the people store in a thread, because it waits for the disk."""

        def ask() -> R:
            return method(self.people, *args, **keywords)

        return await asyncio.get_running_loop().run_in_executor(self._thread, ask)

    @property
    def hub(self) -> Hub | None:
        """The hub that this authenticator works for."""
        hub: Hub | None = self.parent
        return hub

    def get_handlers(self, app: Hub) -> list[Route]:
        """Return the routes of login, logout, one-time links and the site's own pages."""
        # The first match wins: our logout precedes an identity provider's.
        return [
            (r"/logout", LogoutHandler),
            *super().get_handlers(app),
            *links.handlers(),
            *users_api.handlers(),
            *self.page_handlers,
        ]

    async def authenticate(
        self, handler: BaseHandler, data: Mapping[str, str] | None = None
    ) -> AuthModel | None:
        """Log a person in, by a one-time link if there is one."""
        await self.reload_lists()
        if data and LINK_FIELD in data:
            return await self._use_link(data[LINK_FIELD])
        model: AuthModel | None = await super().authenticate(handler, data)
        return model

    async def reload_lists(self) -> None:
        """Reload the lists if they have changed."""
        if self._lists_file is None:
            return
        lists = await asyncio.get_running_loop().run_in_executor(
            self._thread, self._lists_file.changed
        )
        if lists not in (None, self.lists):
            self.log.info("The access lists have changed")
            self.lists = lists

    def check_blocked_users(self, username: str, authentication: AuthModel | None = None) -> bool:
        """Refuse blocked people; JupyterHub calls this even with ``allow_all``."""
        decision = _decision(authentication)
        if decision and decision.code == "blocked":
            raise refusal(403, decision.message)
        return bool(super().check_blocked_users(username, authentication))

    async def check_allowed(self, username: str, authentication: AuthModel | None = None) -> bool:
        """Allow people who are on the lists, and nobody else."""
        decision = _decision(authentication)
        if decision is None:
            return False
        if not decision.allowed:
            self.log.warning("Denied access to %s: %s", username, decision.code)
            raise refusal(403, decision.message)
        return True

    async def refresh_user(
        self, user: HubUser, handler: BaseHandler | None = None
    ) -> bool | AuthModel:
        """Check a person again, and evict them if access is denied.

        Returns
        -------
        bool or AuthModel
            False if access is denied, a model to apply, or True if nothing has changed.
        """
        await self.reload_lists()
        # One at a time: a provider's refresh token works once, and a second check would reuse it.
        async with self._checking[user.name]:
            self.checked[user.name] = time.monotonic()
            result = await self._check_again(user, handler)
        if not result:
            self._evict(user)
        return result

    async def refresh_from_provider(
        self, user: HubUser, person: Person, handler: BaseHandler | None
    ) -> bool | AuthModel:
        """Ask the identity provider about a person again; without a provider, deny access."""
        del user, person, handler
        return False

    async def pre_spawn_start(self, user: HubUser, spawner: HasAccount) -> None:
        """Set the account under which a person's lab runs; JupyterHub calls this before a start."""
        person = await self.ask_people(PeopleStore.by_username, user.name)
        spawner.uid = person.uid if person else None

    async def _check_again(self, user: HubUser, handler: BaseHandler | None) -> bool | AuthModel:
        person = await self.ask_people(PeopleStore.by_username, user.name)
        if person is None:
            # Created by the operator through the hub's API, who vouches for them.
            self.log.info("Not checked: %s, who has never logged in", user.name)
            return user.name not in self.lists.blocked
        if person.provider == LOCAL:
            await self.ask_people(PeopleStore.touch, person.username)
            model = self._local_model(person)
            return model if model["decision"].allowed else False
        return await self.refresh_from_provider(user, person, handler)

    @property
    def why_not_added(self) -> str:
        """Why nobody is added by hand, and what to do instead."""
        return (
            "Users cannot be added here: the access lists decide who has access, and people are "
            "added when they first log in. Add them to `access` in platform.yaml, or create a "
            f"one-time link with `{_LINK_COMMAND}`."
        )

    async def why_not_changed(self, name: str, *, renamed: bool, promoted: bool) -> str:
        """Return why a user is not renamed or given other rights; an empty string if they may be.

        Parameters
        ----------
        name
            The user's present name.
        renamed, promoted
            Whether the name, or whether the administrator's rights would change.
        """
        if await self.ask_people(PeopleStore.by_username, name) is None:
            return ""
        if renamed:
            return f"{name} cannot be renamed: the name belongs to this person's account and home."
        if promoted:
            return (
                "Who administers this site is decided by `access.administrators` in platform.yaml; "
                "a change here would be undone at the next check."
            )
        return ""

    def names_in_use(self, login: str, subject: str) -> frozenset[str]:
        """Return which names for a new person the hub has; the operator may have created them."""
        if self.hub is None:
            return frozenset()
        names = tuple(islice(username_candidates(login, subject), _CANDIDATES))
        return frozenset(self.hub.db.scalars(select(orm.User.name).where(orm.User.name.in_(names))))

    async def _use_link(self, token: str) -> AuthModel:
        person = await self.ask_people(PeopleStore.use_link, token)
        if person is None:
            raise used_link(self.contact)
        return self._local_model(person)

    def _local_model(self, person: Person) -> AuthModel:
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

    def _evict(self, user: HubUser) -> None:
        """Start to evict a person, once at a time, while the request continues."""
        if self.hub is None or user.name in self._evictions:
            return
        self.log.warning("Evicting %s: access denied", user.name)
        task = asyncio.ensure_future(evict(self.hub, user))
        self._evictions[user.name] = task
        task.add_done_callback(lambda done: self._evicted(user.name, done))

    def _evicted(self, name: str, task: asyncio.Task[None]) -> None:
        self._evictions.pop(name, None)
        if not task.cancelled() and (error := task.exception()):
            self.log.error("Evicting %s failed, it will be tried again: %s", name, error)


def _decision(model: AuthModel | None) -> Decision | None:
    return model.get("decision") if model else None
