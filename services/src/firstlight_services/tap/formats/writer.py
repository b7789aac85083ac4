"""What every format can do."""

from __future__ import annotations

from typing import Protocol

import pyarrow as pa

__all__ = ["Writer"]


class Writer(Protocol):
    """Writes one answer, piece by piece."""

    def head(self) -> bytes:
        """Return what stands before the rows."""

    def rows(self, batch: pa.RecordBatch) -> bytes:
        """Return some rows."""

    def tail(self, *, overflow: bool) -> bytes:
        """Return what stands after the rows; `overflow` says that there would have been more."""

    def broken(self, message: str) -> bytes | None:
        """Return what ends an answer that failed midway; None if the format cannot tell."""
