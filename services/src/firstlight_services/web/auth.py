"""Authentication: hub tokens, checked with the hub and cached for at most a minute."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from firstlight_common.section import Section
from firstlight_services.web.context import ServiceContext
from firstlight_services.web.errors import Kind, ServiceError
from firstlight_services.web.hub import HubClient

__all__ = ["Person", "TokenChecker", "tokens_in_header"]

_LONGEST_TRUST = 60.0
_NEGATIVE_SECONDS = 5.0
_TOKEN_SHAPE = re.compile(r"[A-Za-z0-9_.~+/=-]{8,512}")


@dataclass(frozen=True)
class Person:
    """A person as the hub knows them.

    Attributes
    ----------
    admin
        Whether they administer the site; true only if the token itself may read this.
    """

    name: str
    groups: frozenset[str] = frozenset()
    admin: bool = False


@dataclass(frozen=True)
class _Answer:
    """The hub's answer about one token; without ``allowed``, the person's token has no scope."""

    person: Person | None
    allowed: bool
    at: float


class TokenChecker:
    """Asks the hub whose token it is, and whether it may use this service.

    Parameters
    ----------
    api_url
        The address of the hub's API.
    service
        This service's name at the hub.
    trust
        How long an answer is trusted, at most 60 s: a revoked token works no longer than that.
    max_entries
        Maximum number of cached answers, separately for good and bad ones, so that a flood of
        invalid tokens cannot evict the people who are at work.
    clock
        Monotonic seconds.

    Notes
    -----
    Only digests of tokens are kept. Simultaneous questions about one token become one request.
    While the hub is unavailable (it restarts in seconds), an answer is trusted for the full 60 s,
    so that running notebooks do not notice; unknown tokens get a 503.
    """

    def __init__(
        self,
        api_url: str,
        service: str,
        *,
        trust: timedelta = timedelta(seconds=30),
        max_entries: int = 4096,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hub = HubClient(api_url)
        self._scopes = frozenset({"access:services", f"access:services!service={service}"})
        self._trust = min(max(trust.total_seconds(), 0.0), _LONGEST_TRUST)
        self._max_entries = max_entries
        self._clock = clock
        self._good: OrderedDict[bytes, _Answer] = OrderedDict()
        self._bad: OrderedDict[bytes, _Answer] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[_Answer]] = {}

    @classmethod
    def for_context(cls, context: ServiceContext[Section]) -> TokenChecker:
        """Return the checker of one service."""
        trust = context.shared.services.token_cache
        return cls(context.hub_api_url, context.name, trust=trust)

    async def check(self, token: str) -> Person | None:
        """Return whose token it is, or None if the token is invalid.

        Raises
        ------
        ServiceError
            FORBIDDEN if the token does not have the scope of this service; UNAVAILABLE if the hub
            is.
        """
        if not _TOKEN_SHAPE.fullmatch(token):
            return None
        key = sha256(token.encode()).digest()
        answer = self._cached(key) or await self._ask_once(key, token)
        if answer.person is not None and not answer.allowed:
            raise ServiceError(
                "scope_missing",
                "This token does not give access to this service.",
                hint="Use your lab's token, or create one with access on the hub's token page.",
                kind=Kind.FORBIDDEN,
            )
        return answer.person

    def forget(self, token: str) -> None:
        """Drop the cached answer about a token, at logout."""
        key = sha256(token.encode()).digest()
        self._good.pop(key, None)
        self._bad.pop(key, None)

    def close(self) -> None:
        """Close the connections to the hub."""
        self._hub.close()

    def _cached(self, key: bytes) -> _Answer | None:
        for cache, seconds in ((self._good, self._trust), (self._bad, _NEGATIVE_SECONDS)):
            answer = cache.get(key)
            if answer is not None and self._clock() - answer.at < min(seconds, _LONGEST_TRUST):
                cache.move_to_end(key)
                return answer
        return None

    async def _ask_once(self, key: bytes, token: str) -> _Answer:
        task = self._asking.get(key)
        if task is None:
            task = asyncio.create_task(self._ask(token))
            self._asking[key] = task
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        try:
            # Shielded: one impatient client must not cancel the question of the others.
            answer = await asyncio.shield(task)
        except ServiceError:
            known = self._good.get(key)
            if known and self._trust and self._clock() - known.at < _LONGEST_TRUST:
                return known
            raise
        self._keep(key, answer)
        return answer

    def _keep(self, key: bytes, answer: _Answer) -> None:
        self._good.pop(key, None)
        self._bad.pop(key, None)
        cache = self._good if answer.person and answer.allowed else self._bad
        cache[key] = answer
        while len(cache) > self._max_entries:
            cache.popitem(last=False)

    async def _ask(self, token: str) -> _Answer:
        owner = await self._hub.owner(token)
        at = self._clock()
        if owner is None or owner.kind != "user" or not owner.name:
            return _Answer(None, False, at)
        person = Person(owner.name, owner.groups, owner.admin)
        return _Answer(person, not self._scopes.isdisjoint(owner.scopes), at)


def tokens_in_header(header: str) -> tuple[str, ...]:
    """Return the tokens that an ``Authorization`` header may mean.

    Parameters
    ----------
    header
        ``Bearer T``, ``token T``, or ``Basic`` with T as the password or as the user (as TOPCAT and
        most VO clients can send it).
    """
    scheme, _, value = header.strip().partition(" ")
    value = value.strip()
    if scheme.lower() in ("bearer", "token"):
        return (value,) if value else ()
    if scheme.lower() != "basic":
        return ()
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ()
    return tuple(part for part in (password, user) if part)
