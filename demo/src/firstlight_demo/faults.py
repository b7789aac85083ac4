"""Failures on demand: a path that answers 503, or 429 with Retry-After, for a while."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Fault", "Faults"]


@dataclass
class Fault:
    """How a path fails.

    Attributes
    ----------
    path
        Path of the API (``/user``), or its beginning if it ends with ``*``.
    times
        How often; None for as long as it stands.
    """

    path: str
    status: int
    times: int | None = None
    retry_after: int | None = None

    def matches(self, path: str) -> bool:
        """Tell whether this path is to fail."""
        if self.path.endswith("*"):
            return path.startswith(self.path[:-1])
        return path == self.path


class Faults:
    """The failures that stand."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let a path fail from now on."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Let everything work."""
        self._faults.clear()

    def next_for(self, path: str) -> Fault | None:
        """Return the failure of a path and use it up by one."""
        for fault in self._faults:
            if fault.matches(path) and fault.times != 0:
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None
