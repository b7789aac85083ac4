"""Failures on demand, such as a path that answers 503, or 429 with Retry-After, for a while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Fault", "Faults"]


@dataclass
class Fault:
    """A failure of a path.

    Attributes
    ----------
    path
        API path (``/user``), or a prefix of it followed by ``*``.
    status
        Status of the answer; 0 closes the connection without one.
    times
        Number of failures left; None for no limit.
    retry_after
        Seconds in ``Retry-After``; for a primary limit, until its reset.
    kind
        What GitHub's answer would say: that a primary or secondary rate limit is exceeded, or that
        an organization requires single sign-on.
    login
        The only person whose requests fail; empty for everybody's.
    """

    path: str
    status: int
    times: int | None = None
    retry_after: int | None = None
    kind: Literal["", "primary", "secondary", "sso"] = ""
    login: str = ""

    def matches(self, path: str, login: str) -> bool:
        """Return whether a person's request should fail."""
        if self.login and self.login.lower() != login.lower():
            return False
        if self.path.endswith("*"):
            return path.startswith(self.path[:-1])
        return path == self.path


class Faults:
    """The failures that are currently in effect."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Make a path fail from now on."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Remove all failures, so that every path works."""
        self._faults.clear()

    def next_for(self, path: str, login: str) -> Fault | None:
        """Return the failure of a person's request, if any, and count it as used once."""
        for fault in self._faults:
            if fault.matches(path, login) and fault.times != 0:
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None
