"""CSV and TSV, with a header line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

import pyarrow as pa

from firstlight_services.tap.formats.cells import number_text
from firstlight_services.tap.models import Field, Type

__all__ = ["DelimitedWriter"]


class DelimitedWriter:
    """Writes lines of cells; NULL is an empty cell.

    Notes
    -----
    RFC 4180 cannot express that a result was cut. So its last line then is a comment, which starts
    with ``#`` and has no delimiter and no quote: readers that know comments skip it, and the others
    read it as a row with one cell. An error also breaks the connection, since a reader that skips
    comments would otherwise take the result for a whole one.
    """

    complete_when_broken = False

    def __init__(self, fields: Sequence[Field], delimiter: str) -> None:
        self._fields = fields
        self._delimiter = delimiter

    def head(self) -> bytes:
        """Return the header line."""
        return self._lines([[field.name for field in self._fields]])

    def rows(self, batch: pa.RecordBatch) -> bytes:
        """Return the lines of some rows."""
        columns = [
            _texts(column, field.type)
            for column, field in zip(batch.columns, self._fields, strict=True)
        ]
        return self._lines(zip(*columns, strict=True))

    def tail(self, *, overflow: bool) -> bytes:
        """Return the comment of a result that was truncated; otherwise nothing follows the rows."""
        if not overflow:
            return b""
        return self._comment("OVERFLOW: there are more rows than are in this file")

    def broken(self, message: str) -> bytes:
        """Return the comment of a result that failed midway."""
        return self._comment(f"ERROR: {message}")

    def _comment(self, words: str) -> bytes:
        plain = "".join(" " if one in ',;"\t' else one for one in words)
        return f"# {' '.join(plain.split())}\r\n".encode()

    def _lines(self, rows: Iterable[Sequence[str]]) -> bytes:
        out = io.StringIO(newline="")
        csv.writer(out, delimiter=self._delimiter).writerows(rows)
        return out.getvalue().encode()


def _texts(column: pa.Array, kind: Type) -> list[str]:
    values = column.to_pylist()
    if kind is Type.BOOLEAN:
        return ["" if one is None else str(one).lower() for one in values]
    if kind.text:
        return ["" if one is None else one for one in values]
    return [number_text(one, kind) for one in values]
