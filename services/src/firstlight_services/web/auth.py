"""Who is asking: hub tokens, asked of the hub, remembered for at most a minute."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from firstlight_services.web.context import ServiceContext
from firstlight_services.web.errors import Kind, ServiceError

__all__ = ["Person", "TokenChecker", "tokens_in_header"]

_log = logging.getLogger(__name__)

_LONGEST_TRUST = 60.0
_NEGATIVE_SECONDS = 5.0
_TOKEN_SHAPE = re.compile(r"[A-Za-z0-9_.~+/=-]{8,512}")


@dataclass(frozen=True)
class Person:
    """Somebody whom the hub knows.

    ``admin`` is true only if the token itself may read that about its owner.
    """

    name: str
    groups: frozenset[str] = frozenset()
    admin: bool = False


@dataclass(frozen=True)
class _Answer:
    """The hub's answer about one token; ``person`` without ``allowed`` lacks the scope."""

    person: Person | None
    allowed: bool
    at: float


class TokenChecker:
    """Asks the hub whose token it is and whether it may use this service.

    Parameters
    ----------
    api_url
        The hub's API, without a trailing slash.
    service
        This service's name at the hub.
    trust
        How long an answer is believed, at most 60 s: a revoked token works no longer than that.
    max_entries
        Answers remembered at most, good and bad ones apart, so that a flood of wrong tokens
        cannot push out the people who are at work.
    clock
        Monotonic seconds.

    Notes
    -----
    Only digests of tokens are kept. Simultaneous questions about one token become one request.
    While the hub is away (it restarts in seconds), an answer is believed for the full 60 s, so
    that running notebooks do not notice; unknown tokens get a 503.
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
        self._url = f"{api_url.rstrip('/')}/user"
        self._state_url = f"{api_url.rstrip('/').removesuffix('/api')}/firstlight/state"
        self._scopes = frozenset({"access:services", f"access:services!service={service}"})
        self._trust = min(max(trust.total_seconds(), 0.0), _LONGEST_TRUST)
        self._max_entries = max_entries
        self._clock = clock
        self._good: OrderedDict[bytes, _Answer] = OrderedDict()
        self._bad: OrderedDict[bytes, _Answer] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[_Answer]] = {}
        self._client: AsyncHTTPClient | None = None

    @classmethod
    def for_context(cls, context: ServiceContext) -> TokenChecker:
        """Make the checker of one service."""
        trust = context.settings.services.token_cache
        return cls(context.hub_api_url, context.name, trust=trust)

    async def check(self, token: str) -> Person | None:
        """Return whose token it is, or None if it is nobody's.

        Raises
        ------
        ServiceError
            FORBIDDEN if the token lacks the scope for this service; UNAVAILABLE if the hub is away.
        """
        if not _TOKEN_SHAPE.fullmatch(token):
            return None
        key = sha256(token.encode()).digest()
        answer = self._recall(key) or await self._ask_once(key, token)
        if answer.person is not None and not answer.allowed:
            raise ServiceError(
                "scope_missing",
                "This token may not use this service.",
                hint="Use your lab's token, or make one on the hub's token page with access to it.",
                kind=Kind.FORBIDDEN,
            )
        return answer.person

    def forget(self, token: str) -> None:
        """Drop what is remembered about a token, at log-out."""
        key = sha256(token.encode()).digest()
        self._good.pop(key, None)
        self._bad.pop(key, None)

    def close(self) -> None:
        """Close the connections to the hub."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _recall(self, key: bytes) -> _Answer | None:
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
        self._remember(key, answer)
        return answer

    def _remember(self, key: bytes, answer: _Answer) -> None:
        self._good.pop(key, None)
        self._bad.pop(key, None)
        cache = self._good if answer.person and answer.allowed else self._bad
        cache[key] = answer
        while len(cache) > self._max_entries:
            cache.popitem(last=False)

    async def _ask(self, token: str) -> _Answer:
        if self._client is None:
            self._client = AsyncHTTPClient(force_instance=True, max_clients=50)
        code, model = await self._get(self._client, self._url, {"Authorization": f"token {token}"})
        at = self._clock()
        if code in (401, 403, 404):
            # A hub that cannot write refuses everybody, for it notes when a token was used.
            _, state = await self._get(self._client, self._state_url, {})
            if state.get("disk_full"):
                raise _disk_full()
            return _Answer(None, False, at)
        if code != 200:
            _log.warning("hub answered %d", code)
            raise _hub_away()
        if model.get("kind") != "user" or not isinstance(model.get("name"), str):
            return _Answer(None, False, at)
        person = Person(
            name=model["name"],
            groups=frozenset(model.get("groups") or ()),
            admin=bool(model.get("admin")),
        )
        return _Answer(person, not self._scopes.isdisjoint(model.get("scopes") or ()), at)

    @staticmethod
    async def _get(
        client: AsyncHTTPClient, url: str, headers: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        """Ask the hub; the document is empty unless it answers 200."""
        request = HTTPRequest(
            url,
            headers={"Accept": "application/json", **headers},
            connect_timeout=3,
            request_timeout=10,
            follow_redirects=False,
        )
        try:
            response = await client.fetch(request, raise_error=False)
            model = json.loads(response.body) if response.code == 200 else {}
        except (OSError, ValueError, HTTPClientError) as error:
            _log.warning("hub did not answer: %s", type(error).__name__)
            raise _hub_away() from error
        if not isinstance(model, dict):
            raise _hub_away()
        return response.code, model


def tokens_in_header(header: str) -> tuple[str, ...]:
    """Read the tokens that an ``Authorization`` header may mean.

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


def _disk_full() -> ServiceError:
    return ServiceError(
        "disk_full",
        "The site's disk is full, so we cannot check who you are.",
        hint="Tell the operator of this site, and try again when there is room.",
        kind=Kind.UNAVAILABLE,
    )


def _hub_away() -> ServiceError:
    return ServiceError(
        "hub_unavailable",
        "The hub is restarting, so we cannot check who you are.",
        hint="Try again in a few seconds.",
        kind=Kind.UNAVAILABLE,
    )
