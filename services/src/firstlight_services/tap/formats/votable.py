"""VOTable 1.4, written as it comes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

import pyarrow as pa

from firstlight_services.tap.formats.binary2 import Binary2
from firstlight_services.tap.formats.cells import number_text
from firstlight_services.tap.models import Field, Type

__all__ = ["VOTableWriter", "error_document"]

_NAMESPACE = "http://www.ivoa.net/xml/VOTable/v1.3"
_START = (
    f'<?xml version="1.0" encoding="UTF-8"?>\n<VOTABLE version="1.4" xmlns="{_NAMESPACE}">\n'
    '<RESOURCE type="results">\n'
)
_END = "</RESOURCE>\n</VOTABLE>\n"
# XML 1.0 has no way to write these, not even escaped.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class VOTableWriter:
    """Writes a VOTable.

    Parameters
    ----------
    fields
        The columns.
    serialization
        ``BINARY2`` or ``TABLEDATA``.
    """

    def __init__(self, fields: Sequence[Field], serialization: str) -> None:
        self._fields = fields
        self._binary = Binary2(fields) if serialization == "BINARY2" else None

    def head(self) -> bytes:
        """Return all that stands before the rows: the fields."""
        fields = "".join(_field(one) for one in self._fields)
        start = '<BINARY2><STREAM encoding="base64">\n' if self._binary else "<TABLEDATA>\n"
        status = '<INFO name="QUERY_STATUS" value="OK"/>\n'
        return f"{_START}{status}<TABLE>\n{fields}<DATA>{start}".encode()

    def rows(self, batch: pa.RecordBatch) -> bytes:
        """Return some rows."""
        if self._binary:
            return self._binary.rows(batch)
        columns = [
            _cells(column, field.type)
            for column, field in zip(batch.columns, self._fields, strict=True)
        ]
        lines = ["".join(("<TR>", *row, "</TR>\n")) for row in zip(*columns, strict=True)]
        return "".join(lines).encode()

    def tail(self, *, overflow: bool) -> bytes:
        """Return what ends the table.

        Notes
        -----
        DALI 1.1, section 4.4.1: OVERFLOW stands after the table, since only then it is known.
        """
        status = '<INFO name="QUERY_STATUS" value="OVERFLOW"/>\n' if overflow else ""
        return self._end() + f"{status}{_END}".encode()

    def broken(self, message: str) -> bytes | None:
        """Return what ends a table that failed midway (DALI 1.1, section 4.4.1)."""
        return self._end() + f"{_status_error(message)}{_END}".encode()

    def _end(self) -> bytes:
        if self._binary:
            return self._binary.end() + b"</STREAM></BINARY2></DATA>\n</TABLE>\n"
        return b"</TABLEDATA></DATA>\n</TABLE>\n"


def error_document(message: str) -> bytes:
    """Return the document that says what is wrong (DALI 1.1, section 4.2)."""
    return f"{_START}{_status_error(message)}{_END}".encode()


def _status_error(message: str) -> str:
    return f'<INFO name="QUERY_STATUS" value="ERROR">{_text(message)}</INFO>\n'


def _field(field: Field) -> str:
    attributes = [("name", field.name), ("datatype", field.type.value)]
    if field.type.text:
        attributes.append(("arraysize", "*"))
    attributes += [
        (key, value) for key, value in (("unit", field.unit), ("ucd", field.ucd)) if value
    ]
    written = " ".join(f"{key}={quoteattr(_clean(value))}" for key, value in attributes)
    if not field.description:
        return f"<FIELD {written}/>\n"
    description = f"<DESCRIPTION>{_text(field.description)}</DESCRIPTION>"
    return f"<FIELD {written}>{description}</FIELD>\n"


def _cells(column: pa.Array, kind: Type) -> list[str]:
    values = column.to_pylist()
    if kind is Type.BOOLEAN:
        texts = ["" if one is None else ("true" if one else "false") for one in values]
    elif kind.text:
        texts = ["" if one is None else _text(one) for one in values]
    else:
        texts = [number_text(one, kind) for one in values]
    return [f"<TD>{one}</TD>" for one in texts]


def _clean(text: str) -> str:
    return _UNWRITABLE.sub("\ufffd", text)


def _text(text: str) -> str:
    return escape(_clean(text), {"\r": "&#13;"})
