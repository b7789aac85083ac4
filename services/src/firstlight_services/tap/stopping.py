"""Work that can be stopped midway: a thread cannot be killed, so planning looks whether it should.

`plan` works for as long as a query's text is long; the longest take seconds. When its client
disconnects, its time is over or the service stops, somebody else sets the `Stop` that the thread
works under, and the next `checkpoint` in one of planning's loops raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["Stop", "StoppedError", "checkpoint"]


class StoppedError(Exception):
    """Work was stopped, because nobody waits for its result any more."""


class Stop:
    """A request to stop some work; `set` may be called from any thread."""

    def __init__(self) -> None:
        self._is_set = False

    @property
    def is_set(self) -> bool:
        """Whether the work should stop."""
        return self._is_set

    def set(self) -> None:
        """Make the next `checkpoint` of the work raise `StoppedError`."""
        self._is_set = True

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Make the checkpoints of this thread obey this object, within a ``with`` statement."""
        token = _CURRENT.set(self)
        try:
            yield
        finally:
            _CURRENT.reset(token)


_CURRENT: ContextVar[Stop | None] = ContextVar("stop", default=None)


def checkpoint() -> None:
    """Raise if the work of this thread should stop.

    Raises
    ------
    StoppedError
        If so.
    """
    stop = _CURRENT.get()
    if stop is not None and stop.is_set:
        raise StoppedError
