"""Platform start: from ``firstlight up`` to the printed address, with everything installed.

This is a figure, not a claim: no other platform does the same on one machine. The state directory
has been used before, as on any day but the first, and all components are healthy when the address
is printed.
"""

from __future__ import annotations

from benchmarks.measure import Comparison, Series
from benchmarks.running import running
from benchmarks.session import Session

__all__ = ["run"]


def run(session: Session) -> list[Comparison]:
    """Measure repeated starts of the same platform."""
    rounds = session.rounds(5)
    state = session.new_state("platform-start")
    taken = []
    with session.steps("platform-start: measuring", rounds + 1) as step:
        for _ in range(rounds + 1):
            with running(state) as platform:
                taken.append(platform.took)
            step()
    # The first start created the databases and secrets.
    return [Comparison("platform start, to its address", "s", Series(tuple(taken[1:])))]
