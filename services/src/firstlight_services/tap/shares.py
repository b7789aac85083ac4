"""A fair share for each person: nobody's queries take all of the service's threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from firstlight_services.web import Kind, ServiceError

__all__ = ["Shares"]

_MOST_WAITING = 64
_MOST_WAITING_EACH = 16


@dataclass(slots=True)
class _Share:
    """What one person uses now."""

    threads: asyncio.Semaphore
    plans: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    waiting: int = 0
    users: int = 0


class Shares:
    """Limits what each person's queries use at the same time.

    Parameters
    ----------
    workers
        The number of threads that execute queries. One person gets half of them, at least one, and
        one of the threads that plan.
    """

    def __init__(self, workers: int) -> None:
        self._threads = max(1, workers // 2)
        self._shares: dict[str, _Share] = {}
        self._waiting = 0

    @contextmanager
    def waiting(self, person: str) -> Iterator[None]:
        """Count a query that has no rows yet.

        Raises
        ------
        ServiceError
            UNAVAILABLE if too many are waiting: this person's, or everybody's.
        """
        with self._used(person) as share:
            if share.waiting >= _MOST_WAITING_EACH:
                raise _busy("Too many of your queries are waiting.")
            if self._waiting >= _MOST_WAITING:
                raise _busy("Too many queries are waiting.")
            share.waiting += 1
            self._waiting += 1
            try:
                yield
            finally:
                share.waiting -= 1
                self._waiting -= 1

    @asynccontextmanager
    async def planning(self, person: str) -> AsyncIterator[None]:
        """Wait until none of the person's other queries is being planned."""
        with self._used(person) as share:
            async with share.plans:
                yield

    @asynccontextmanager
    async def running(self, person: str) -> AsyncIterator[None]:
        """Wait until the person's other queries leave a thread of the share."""
        with self._used(person) as share:
            async with share.threads:
                yield

    @contextmanager
    def _used(self, person: str) -> Iterator[_Share]:
        share = self._shares.setdefault(person, _Share(asyncio.Semaphore(self._threads)))
        share.users += 1
        try:
            yield share
        finally:
            share.users -= 1
            if not share.users:
                del self._shares[person]


def _busy(words: str) -> ServiceError:
    return ServiceError("busy", words, hint="Try again in a minute.", kind=Kind.UNAVAILABLE)
