"""Lab start: our spawner compared with JupyterHub's own ``SimpleLocalProcessSpawner``.

The time is measured from the request to start a lab to the lab's first response (``/api/status``)
at the public address. The three platforms of `lab_platforms` run side by side and start labs in
turn. The first start of each (new home, cold files) is not counted.

With walls, our side does more: private namespaces, a network, limits, an account, and a token for
the data services. Without, it still mints that token. The values vary widely, the peer's most of
all, so consider the minimum and maximum too.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.lab_platforms import OURS, PEER, PEER_NAME, WITHOUT_WALLS, lab_platforms
from benchmarks.measure import Comparison, interleave
from benchmarks.running import RunningPlatform
from benchmarks.session import Session

__all__ = ["run"]


def run(session: Session) -> list[Comparison]:
    """Compare lab starts with the two spawners."""
    rounds = session.rounds(10)
    with (
        lab_platforms(session, "lab-start") as platforms,
        session.steps("lab-start: measuring", len(platforms) * (rounds + 1)) as step,
    ):
        sides = {side: _start(platform) for side, platform in platforms.items()}
        interleave(1, sides, step)
        taken = interleave(rounds, sides, step)
    return [
        Comparison(what, "s", taken[side], taken[PEER], PEER_NAME)
        for side, what in (
            (OURS, "lab start, to its first answer"),
            (WITHOUT_WALLS, "lab start without walls, to its first answer"),
        )
        if side in taken
    ]


def _start(platform: RunningPlatform) -> Callable[[], float]:
    platform.log_in()

    def start() -> float:
        took = platform.start_lab()
        platform.stop_lab()
        return took

    return start
