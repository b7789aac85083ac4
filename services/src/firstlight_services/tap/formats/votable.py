"""VOTable 1.4, written while the rows arrive."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import quoteattr

import pyarrow as pa

from firstlight_common.errors import (
    VOTABLE_END,
    VOTABLE_START,
    votable_error_info,
    xml_clean,
    xml_text,
)
from firstlight_services.tap.formats.binary2 import Binary2
from firstlight_services.tap.formats.cells import number_text
from firstlight_services.tap.formats.writer import Note
from firstlight_services.tap.models import Field, Type

__all__ = ["VOTableWriter"]


class VOTableWriter:
    """Writes a VOTable.

    Parameters
    ----------
    fields
        The columns.
    serialization
        ``BINARY2`` or ``TABLEDATA``.
    notes
        What to say about the result; each becomes an INFO.
    """

    complete_when_broken = True

    def __init__(
        self, fields: Sequence[Field], serialization: str, notes: Sequence[Note] = ()
    ) -> None:
        self._fields = fields
        self._notes = notes
        self._binary = Binary2(fields) if serialization == "BINARY2" else None

    def head(self) -> bytes:
        """Return everything before the rows: the fields."""
        fields = "".join(_field(one) for one in self._fields)
        start = '<BINARY2><STREAM encoding="base64">\n' if self._binary else "<TABLEDATA>\n"
        status = '<INFO name="QUERY_STATUS" value="OK"/>\n'
        status += "".join(map(_info, self._notes))
        return f"{VOTABLE_START}{status}<TABLE>\n{fields}<DATA>{start}".encode()

    def rows(self, batch: pa.RecordBatch) -> bytes:
        """Return some rows, written."""
        if self._binary:
            return self._binary.rows(batch)
        columns = [
            _cells(column, field.type)
            for column, field in zip(batch.columns, self._fields, strict=True)
        ]
        lines = ["".join(("<TR>", *row, "</TR>\n")) for row in zip(*columns, strict=True)]
        return "".join(lines).encode()

    def tail(self, *, overflow: bool) -> bytes:
        """Return everything after the rows.

        Notes
        -----
        DALI 1.1, section 4.4.1: OVERFLOW comes after the table, since it is not known before.
        """
        status = '<INFO name="QUERY_STATUS" value="OVERFLOW"/>\n' if overflow else ""
        return self._end() + f"{status}{VOTABLE_END}".encode()

    def broken(self, message: str) -> bytes:
        """Return the end of a table that failed midway (DALI 1.1, section 4.4.1)."""
        return self._end() + f"{votable_error_info(message)}{VOTABLE_END}".encode()

    def _end(self) -> bytes:
        if self._binary:
            return self._binary.end() + b"</STREAM></BINARY2></DATA>\n</TABLE>\n"
        return b"</TABLEDATA></DATA>\n</TABLE>\n"


def _info(note: Note) -> str:
    name, value = (quoteattr(xml_clean(one)) for one in (note.name, note.value))
    return f"<INFO name={name} value={value}>{xml_text(note.text)}</INFO>\n"


def _field(field: Field) -> str:
    attributes = [("name", field.name), ("datatype", field.type.value)]
    if field.type.text:
        attributes.append(("arraysize", field.arraysize or "*"))
    attributes += [
        (key, value) for key, value in (("unit", field.unit), ("ucd", field.ucd)) if value
    ]
    written = " ".join(f"{key}={quoteattr(xml_clean(value))}" for key, value in attributes)
    if not field.description:
        return f"<FIELD {written}/>\n"
    description = f"<DESCRIPTION>{xml_text(field.description)}</DESCRIPTION>"
    return f"<FIELD {written}>{description}</FIELD>\n"


def _cells(column: pa.Array, kind: Type) -> list[str]:
    values = column.to_pylist()
    if kind is Type.BOOLEAN:
        texts = ["" if one is None else ("true" if one else "false") for one in values]
    elif kind.text:
        texts = ["" if one is None else xml_text(one) for one in values]
    else:
        texts = [number_text(one, kind) for one in values]
    return [f"<TD>{one}</TD>" for one in texts]
