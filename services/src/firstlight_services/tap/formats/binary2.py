"""The BINARY2 serialization of VOTable 1.4 (section 5.4), a whole batch at a time."""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from itertools import chain, groupby

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from firstlight_services.tap.models import Field, Type

__all__ = ["Binary2"]

_WIDTHS = {
    Type.BOOLEAN: "S1",
    Type.SHORT: ">i2",
    Type.INT: ">i4",
    Type.LONG: ">i8",
    Type.FLOAT: ">f4",
    Type.DOUBLE: ">f8",
}

_Piece = Sequence[bytes]


class Binary2:
    """Encodes batches as base64 that can be concatenated.

    Notes
    -----
    A row begins with one bit per field that says whether it is NULL, the first field in the highest
    bit. Adjacent fields of fixed width become one numpy record, so that Python code runs only for
    strings.
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = fields
        self._rest = b""

    def rows(self, batch: pa.RecordBatch) -> bytes:
        """Return an encoded batch; up to two bytes are kept for the next one."""
        data = self._rest + self._encoded(batch)
        whole = len(data) - len(data) % 3
        self._rest = data[whole:]
        return binascii.b2a_base64(data[:whole]) if whole else b""

    def end(self) -> bytes:
        """Return the bytes that are waiting, encoded."""
        rest, self._rest = self._rest, b""
        return binascii.b2a_base64(rest) if rest else b""

    def _encoded(self, batch: pa.RecordBatch) -> bytes:
        if not batch.num_rows:
            return b""
        nulls = np.column_stack([_is_null(one) for one in batch.columns])
        flags = np.packbits(nulls, axis=1, bitorder="big")
        numbered = zip(batch.columns, self._fields, strict=True)
        runs = [
            (text, list(group)) for text, group in groupby(numbered, lambda one: one[1].type.text)
        ]
        pieces: list[_Piece] = []
        for position, (is_text, group) in enumerate(runs):
            if is_text:
                if position == 0:
                    pieces.append(_split(flags))
                pieces += [_texts(column, field.type) for column, field in group]
            else:
                pieces.append(_split(_record(group, flags if position == 0 else None)))
        return (
            pieces[0][0]
            if batch.num_rows == 1 == len(pieces)
            else b"".join(chain.from_iterable(zip(*pieces, strict=True)))
        )


def _is_null(column: pa.Array) -> npt.NDArray[np.bool_]:
    return column.is_null().to_numpy(zero_copy_only=False).astype(np.bool_)


def _record(
    group: Sequence[tuple[pa.Array, Field]], flags: npt.NDArray[np.uint8] | None
) -> npt.NDArray[np.uint8]:
    """Concatenate fields of fixed width; a row of the result holds the bytes of a row."""
    parts = [] if flags is None else [flags]
    for column, field in group:
        values = _values(column, field.type)
        parts.append(values.view(np.uint8).reshape(len(values), -1))
    return np.concatenate(parts, axis=1)


def _values(column: pa.Array, kind: Type) -> npt.NDArray[np.generic]:
    if kind is Type.BOOLEAN:
        truth = pc.if_else(column, "T", "F")
        texts = pc.fill_null(truth, "?").to_numpy(zero_copy_only=False)
        return np.ascontiguousarray(texts.astype(_WIDTHS[kind]))
    filler = float("nan") if kind in (Type.FLOAT, Type.DOUBLE) else 0
    values = pc.fill_null(column, filler).to_numpy(zero_copy_only=False)
    return np.ascontiguousarray(values.astype(_WIDTHS[kind]))


def _texts(column: pa.Array, kind: Type) -> _Piece:
    encoded = []
    for text in column.to_pylist():
        if kind is Type.CHAR:
            data = (text or "").encode("ascii", "replace")
            count = len(data)
        else:
            data = (text or "").encode("utf-16-be", "replace")
            count = len(data) // 2
        encoded.append(count.to_bytes(4, "big") + data)
    return encoded


def _split(rows: npt.NDArray[np.uint8]) -> _Piece:
    width = rows.shape[1]
    data = rows.tobytes()
    return [data[start : start + width] for start in range(0, len(data), width)]
