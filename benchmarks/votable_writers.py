"""The two VOTable writers that are compared, and a program that measures the memory of one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from firstlight_services.tap.formats import FORMATS, make_writer
from firstlight_services.tap.models import Field, Type

__all__ = ["FIELDS", "WRITERS", "CountingSink", "read"]

_KIBIBYTES = 1024
"""KiB in a MiB."""

FIELDS = (
    Field("objectId", Type.LONG, ucd="meta.id;meta.main"),
    Field("ra", Type.DOUBLE, "deg", "pos.eq.ra;meta.main"),
    Field("dec", Type.DOUBLE, "deg", "pos.eq.dec;meta.main"),
    *(Field(f"mag_{band}", Type.FLOAT, "mag") for band in "ugrizy"),
    Field("clean", Type.BOOLEAN),
    Field("patch", Type.CHAR),
    Field("tract", Type.INT),
)


class Sink(Protocol):
    """A binary file, as far as the writers use it."""

    def write(self, data: bytes, /) -> int:
        """Write bytes and return their number."""


class CountingSink:
    """A sink that discards bytes and keeps their number."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, data: bytes, /) -> int:
        """Count the bytes and return their number."""
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing, since nothing is buffered."""


def read(path: Path) -> pa.Table:
    """Return the table of a file, read into memory."""
    with pa.OSFile(str(path)) as file:
        return pa.ipc.open_file(file).read_all()


def write_ours(table: pa.Table, sink: Sink) -> None:
    """Write with the TAP service's writer, batch by batch as the engine's cursor yields them."""
    writer = make_writer(FORMATS[0], FIELDS)
    sink.write(writer.head())
    for batch in table.to_batches():
        sink.write(writer.rows(batch))
    sink.write(writer.tail(overflow=False))


def write_peer(table: pa.Table, sink: Sink) -> None:
    """Write with astropy, by way of an astropy table."""
    import numpy as np
    from astropy.io import votable
    from astropy.table import MaskedColumn, Table

    columns = {}
    for field, column in zip(FIELDS, table.columns, strict=True):
        filler = {Type.BOOLEAN: False, Type.CHAR: ""}.get(field.type, 0)
        values = column.fill_null(filler).to_numpy()
        if field.type is Type.CHAR:
            values = values.astype("S")
        mask = column.is_null().to_numpy().astype(np.bool_)
        columns[field.name] = MaskedColumn(values, mask=mask, unit=field.unit or None)
    document = votable.from_table(Table(columns))
    for field in document.get_first_table().fields:
        # Not needed: BINARY2 has a bit for each missing value.
        field.values.null = None
    document.to_xml(sink, tabledata_format="binary2")


WRITERS: Mapping[str, Callable[[pa.Table, Sink], None]] = {
    "ours": write_ours,
    "peer": write_peer,
}


def main() -> None:
    """Print the peak memory in MiB that writing a file's table needs in addition."""
    name, path = sys.argv[1:]
    table = read(Path(path))
    # Load modules and fill their caches beforehand.
    WRITERS[name](table.slice(0, 10), CountingSink())
    before = _start_peak()
    WRITERS[name](table, CountingSink())
    sys.stdout.write(f"{_peak() - before}\n")


def _start_peak() -> float:
    """Reset the peak of the process to its current usage, and return that (see proc(5))."""
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> float:
    # Not getrusage's ru_maxrss, which a process inherits from its parent.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / _KIBIBYTES


if __name__ == "__main__":
    main()
