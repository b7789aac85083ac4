"""What every format provides."""

from __future__ import annotations

from typing import Protocol

import pyarrow as pa

__all__ = ["Writer"]


class Writer(Protocol):
    """Writes one result, piece by piece."""

    def head(self) -> bytes:
        """Return everything before the rows."""

    def rows(self, batch: pa.RecordBatch) -> bytes:
        """Return rows in the output format."""

    def tail(self, *, overflow: bool) -> bytes:
        """Return everything after the rows; `overflow` says that the result was truncated."""

    def broken(self, message: str) -> bytes | None:
        """Return the end of a result that failed midway; None if the format cannot express it."""
