"""Blocking work in a thread, to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["run"]


async def run[**P, R](function: Callable[P, R], *args: P.args, **keywords: P.kwargs) -> R:
    """Call a function in a thread; if this is cancelled, wait for it all the same.

    Notes
    -----
    A thread cannot be stopped. Whoever cleans up after a cancelled start has to find what the
    thread was about to create; `asyncio.to_thread` alone would return before it is there.
    """
    work = asyncio.ensure_future(asyncio.to_thread(function, *args, **keywords))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        if not work.cancelled():
            work.exception()  # the cancellation is what counts
        raise
