"""The two writers of VOTable that are compared, and a process that measures the memory of one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

from firstlight_services.tap.formats import FORMATS, make_writer
from firstlight_services.tap.models import Field, Type

__all__ = ["FIELDS", "WRITERS", "CountingSink", "read"]

_KIBIBYTES = 1024
"""In a MiB."""

FIELDS = (
    Field("objectId", Type.LONG, ucd="meta.id;meta.main"),
    Field("ra", Type.DOUBLE, "deg", "pos.eq.ra;meta.main"),
    Field("dec", Type.DOUBLE, "deg", "pos.eq.dec;meta.main"),
    *(Field(f"mag_{band}", Type.FLOAT, "mag") for band in "ugrizy"),
    Field("clean", Type.BOOLEAN),
    Field("patch", Type.CHAR),
    Field("tract", Type.INT),
)


class CountingSink:
    """Takes bytes and keeps their number, as a socket would."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, data: bytes) -> int:
        """Count."""
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing: there is no more to it."""


def read(path: Path) -> pa.Table:
    """Return a file's table, all of it in memory."""
    with pa.OSFile(str(path)) as file:
        return pa.ipc.open_file(file).read_all()


def write_ours(table: pa.Table, sink: BinaryIO) -> None:
    """Write with the TAP service's writer, batch by batch as the engine's cursor gives them."""
    writer = make_writer(FORMATS[0], FIELDS)
    sink.write(writer.head())
    for batch in table.to_batches():
        sink.write(writer.rows(batch))
    sink.write(writer.tail(overflow=False))


def write_peer(table: pa.Table, sink: BinaryIO) -> None:
    """Write with astropy: Arrow columns to an astropy table, and that to a VOTable."""
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
        # Its own way to say that a number is missing; BINARY2 has bits for that.
        field.values.null = None
    document.to_xml(sink, tabledata_format="binary2")


WRITERS: Mapping[str, Callable[[pa.Table, BinaryIO], None]] = {
    "ours": write_ours,
    "peer": write_peer,
}


def main() -> None:
    """Print the MiB that writing a file's table takes at most, on top of what was there before."""
    name, path = sys.argv[1:]
    table = read(Path(path))
    # Modules and their caches are there before.
    WRITERS[name](table.slice(0, 10), cast(BinaryIO, CountingSink()))
    before = _start_peak()
    WRITERS[name](table, cast(BinaryIO, CountingSink()))
    sys.stdout.write(f"{_peak() - before}\n")


def _start_peak() -> float:
    """Forget the process's peak, which starts anew from what it uses now; return that (proc(5))."""
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> float:
    # Not getrusage's ru_maxrss: a process inherits that of the one that started it.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / _KIBIBYTES


if __name__ == "__main__":
    main()
