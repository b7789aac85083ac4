"""How much output a lab keeps for clients that do not read, or are not there; pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

__all__ = ["LAB_LIMIT", "LEAST_SHARE", "OFFLINE_LIMIT", "RecentMessages", "share"]

LAB_LIMIT = 64 * 1024**2
"""How many bytes may wait for all of a lab's websockets together."""

LEAST_SHARE = 1024**2
"""How many bytes may wait for one websocket, however many there are."""

OFFLINE_LIMIT = 16 * 1024**2
"""How many bytes of a kernel's messages are kept while no client is connected."""

type Part = bytes | memoryview
type Message = tuple[str, Sequence[Part]]


def share(websockets: int) -> int:
    """Return how many bytes may wait for each of a number of websockets."""
    return max(LAB_LIMIT // max(websockets, 1), LEAST_SHARE)


class RecentMessages:
    """The last messages of a kernel, by channel, up to a number of bytes.

    Notes
    -----
    The oldest are dropped first, because the last ones say how an execution ended.
    """

    def __init__(self, limit: int = OFFLINE_LIMIT) -> None:
        self._limit = limit
        self._size = 0
        self._messages: deque[Message] = deque()

    def append(self, message: Message) -> None:
        """Keep a message, and drop the oldest ones if there are too many bytes."""
        self._messages.append(message)
        self._size += _size(message)
        while self._size > self._limit and len(self._messages) > 1:
            self._size -= _size(self._messages.popleft())

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages)


def _size(message: Message) -> int:
    return sum(len(part) for part in message[1])
