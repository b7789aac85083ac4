"""What every format provides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

__all__ = ["Note", "Writer"]


@dataclass(frozen=True, slots=True)
class Note:
    """Something to say about a result: an INFO of a VOTable.

    Attributes
    ----------
    name, value
        For programs.
    text
        For people.
    """

    name: str
    value: str
    text: str


class Writer(Protocol):
    """Writes one result, piece by piece."""

    @property
    def complete_when_broken(self) -> bool:
        """Whether every reader notices the end that `broken` returns."""

    def head(self) -> bytes:
        """Return everything before the rows."""

    def rows(self, batch: pa.RecordBatch) -> bytes:
        """Return rows in the output format."""

    def tail(self, *, overflow: bool) -> bytes:
        """Return everything after the rows; `overflow` says that the result was truncated."""

    def broken(self, message: str) -> bytes:
        """Return the end of a result that failed midway."""
