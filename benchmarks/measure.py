"""Measured values, and functions to take them alternately.

Only the standard library is used, since the module also runs in the labs' environment.
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
    """Repeated measurements of the same thing, in order."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median of the values."""
        return median(self.values)

    @property
    def least(self) -> float:
        """The smallest of the values."""
        return min(self.values)

    @property
    def most(self) -> float:
        """The largest of the values."""
        return max(self.values)

    def scaled(self, factor: float) -> Series:
        """Return the values in another unit."""
        return Series(tuple(value * factor for value in self.values))

    def inverted(self, amount: float) -> Series:
        """Return the rates at which an amount was processed, given values that are durations."""
        return Series(tuple(amount / value for value in self.values))


@dataclass(frozen=True, slots=True)
class Comparison:
    """One line of the report.

    Attributes
    ----------
    what
        Description of what was measured.
    unit
        Unit of the values of both sides.
    ours, peer
        Values by repetition; without a peer, the line is a figure and makes no claim.
    peer_name
        Name of the peer.
    better
        Whether lower or higher values are better.
    note
        What a reader needs to know about this line.
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
        """How many times better our side is, by repetition; below 1, the peer is better.

        Notes
        -----
        The two values of a repetition are taken one after the other, so other load on the machine
        affects both. A ratio of two medians would lose that.
        """
        if self.peer is None:
            return None
        pairs = zip(self.ours.values, self.peer.values, strict=True)
        if self.better == "lower":
            return Series(tuple(peer / ours for ours, peer in pairs))
        return Series(tuple(ours / peer for ours, peer in pairs))


def seconds[Result](work: Callable[[], Result]) -> float:
    """Return the duration of a call, after collecting earlier garbage."""
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def interleave(
    rounds: int,
    sides: Mapping[str, Callable[[], float]],
    step: Callable[[], None] = lambda: None,
) -> dict[str, Series]:
    """Measure all sides alternately, a number of times.

    Parameters
    ----------
    rounds
        Number of repetitions.
    sides
        Functions that measure each side once and return the value.
    step
        Called after each measurement.

    Notes
    -----
    Every other round is in reverse order, so that no side always follows the same one.
    """
    values: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in reversed(list(sides)) if number % 2 else sides:
            values[name].append(sides[name]())
            step()
    return {name: Series(tuple(taken)) for name, taken in values.items()}
