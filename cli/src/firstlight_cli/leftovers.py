"""What a ``firstlight up`` that was killed left behind."""

from __future__ import annotations

from firstlight_cli.labs import stop_labs
from firstlight_cli.paths import State
from firstlight_cli.processes import end, read_records

__all__ = ["end_components", "stop_leftovers"]

_SUPERVISOR_SECONDS = 12
"""It ends its components first, each with 8 seconds of patience."""
_COMPONENT_SECONDS = 8


def end_components(state: State) -> int:
    """End the supervisor and the components of an earlier run; return how many there were.

    Notes
    -----
    They are not adopted: only their parent can supervise them, and they have nothing to lose. Labs
    have, and go on; the new hub finds them.
    """
    found = read_records(state.processes)
    end([one for one in found if one.name == "supervisor"], patience=_SUPERVISOR_SECONDS)
    end(read_records(state.processes), patience=_COMPONENT_SECONDS)
    state.remove_socket()
    return len(found)


def stop_leftovers(state: State) -> bool:
    """End everything of an earlier run, labs included; return whether there was anything."""
    return bool(end_components(state) + stop_labs(state))
