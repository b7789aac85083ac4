"""Waiting for what changes: tests look again until it is so, however slow the machine is.

A test that looks once, waits for a fixed time or has a bound in seconds fails when the machine is
busy; `tests/test_style.py` finds those. The deadline here only ends a test that has failed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

__all__ = ["PATIENCE", "eventually", "wait_for"]

PATIENCE = 120.0
"""Seconds after which something will not happen any more."""


def wait_for[T](
    condition: Callable[[], T], *, seconds: float = PATIENCE, what: str = "the condition"
) -> T:
    """Call `condition` until it returns something true, and return that."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s for {what}")


async def eventually[T](
    condition: Callable[[], T], *, seconds: float = PATIENCE, what: str = "the condition"
) -> T:
    """Call `condition` until it returns something true, and return that; others go on meanwhile."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        await asyncio.sleep(0.01)
    raise AssertionError(f"waited {seconds} s for {what}")
