"""Measured values, and the taking of them in turn.

Only the standard library: the labs' environment runs this too.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Literal

__all__ = ["Comparison", "Series", "interleave", "seconds"]


@dataclass(frozen=True, slots=True)
class Series:
    """The same thing measured some times, in the order in which it was."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.values)

    @property
    def least(self) -> float:
        """The least one."""
        return min(self.values)

    @property
    def most(self) -> float:
        """The greatest one."""
        return max(self.values)

    def scaled(self, factor: float) -> Series:
        """Return the same in another unit."""
        return Series(tuple(value * factor for value in self.values))

    def inverted(self, amount: float) -> Series:
        """Return, of durations, how much of an amount was done in a unit of time."""
        return Series(tuple(amount / value for value in self.values))


@dataclass(frozen=True, slots=True)
class Comparison:
    """One line of the report.

    Attributes
    ----------
    what
        What was measured.
    unit
        Of the values of both sides.
    ours, peer
        Values by repetition; without a peer it is a figure and claims nothing.
    peer_name
        Whom we are compared with.
    better
        Which values are the better ones.
    note
        What a reader has to know of this line.
    """

    what: str
    unit: str
    ours: Series
    peer: Series | None = None
    peer_name: str = ""
    better: Literal["lower", "higher"] = "lower"
    note: str = ""

    @property
    def ratio(self) -> Series | None:
        """How many times better ours is, by repetition; below 1, the peer is better.

        Notes
        -----
        The two values of a repetition were taken one after the other, so what else the machine was
        doing then counts for both. That is lost in a ratio of two medians.
        """
        if self.peer is None:
            return None
        pairs = zip(self.ours.values, self.peer.values, strict=True)
        if self.better == "lower":
            return Series(tuple(peer / ours for ours, peer in pairs))
        return Series(tuple(ours / peer for ours, peer in pairs))


def seconds(work: Callable[[], object]) -> float:
    """Return how long a call takes; garbage of what was before is not its business."""
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def interleave(
    rounds: int,
    sides: Mapping[str, Callable[[], float]],
    step: Callable[[], object] = lambda: None,
) -> dict[str, Series]:
    """Measure all sides in turn, a number of times.

    Parameters
    ----------
    rounds
        Repetitions.
    sides
        What measures each side once and returns the value.
    step
        Called after each measurement.

    Notes
    -----
    Every other round goes backwards, so that no side always comes after the same one.
    """
    values: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in reversed(list(sides)) if number % 2 else sides:
            values[name].append(sides[name]())
            step()
    return {name: Series(tuple(taken)) for name, taken in values.items()}
