"""Why labs were started although they could have been forked, for administrators."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from firstlight_hub.spawner.shared import Shared

__all__ = ["SlowStart", "SlowStarts"]


@dataclass(frozen=True)
class SlowStart:
    """The last lab that was not forked, and why."""

    reason: str
    time: datetime


class SlowStarts(Shared):
    """Remembers the last one since the hub started."""

    def __init__(self) -> None:
        self._last: SlowStart | None = None

    def note(self, reason: str) -> None:
        """Remember why a lab is started."""
        self._last = SlowStart(reason, datetime.now(UTC))

    def last(self) -> SlowStart | None:
        """Return the last one; None if all labs were forked."""
        return self._last
