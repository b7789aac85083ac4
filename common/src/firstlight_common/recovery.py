"""How soon a component is back after it was killed: what we tell people, promise and measure."""

from __future__ import annotations

__all__ = ["HUB_SECONDS", "SERVICE_SECONDS", "seconds_until_back"]

HUB_SECONDS = 30
"""For the hub, also on a busy machine."""
SERVICE_SECONDS = 25
"""For each other component, also on a busy machine."""


def seconds_until_back(name: str) -> int:
    """Return the seconds for a component, by its name.

    Notes
    -----
    ``docs/explanation/recovery.md`` has the same numbers; ``tests/integration/test_recovery.py``
    measures them.
    """
    return HUB_SECONDS if name == "hub" else SERVICE_SECONDS
