"""The steps of a lab's start, as the person who waits for it reads them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

__all__ = ["Steps"]


class Steps:
    """What has happened since a start began; several pages may follow it."""

    def __init__(self) -> None:
        self._steps: list[tuple[int, str]] = []
        self._stepped = asyncio.Event()

    def begin(self) -> None:
        """Forget the steps of an earlier start."""
        self._steps.clear()

    def add(self, percent: int, message: str) -> None:
        """Add a step."""
        self._steps.append((percent, message))
        self._stepped.set()

    async def follow(self) -> AsyncIterator[dict[str, int | str]]:
        """Yield each step, as JupyterHub's ``progress`` does; it never ends."""
        sent = 0
        while True:
            for percent, message in self._steps[sent:]:
                sent += 1
                yield {"progress": percent, "message": message}
            self._stepped.clear()
            await self._stepped.wait()
