"""VOTable: the TAP service's streaming writer compared with ``astropy.io.votable``.

The peer is what astronomers use to write VOTables in Python, and what a small TAP service would
use. Both get the same Arrow table in memory (12 columns, like the result of an object query, with
missing values) and write BINARY2 to a sink that only counts bytes. Astropy needs its own kind of
table, so the conversion is timed, as it would be in a service. The output of both is read back and
compared beforehand.

Memory is measured in a new process each time: the peak while writing, minus the usage before, when
modules are loaded and the table is in memory. Astropy holds all rows of a document in memory by
design; our writer is made for results that exceed memory.
"""

from __future__ import annotations

import io
import subprocess
import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.measure import Comparison, interleave, seconds
from benchmarks.session import Session
from benchmarks.votable_writers import FIELDS, WRITERS, CountingSink, read

__all__ = ["run"]

_BATCH = 16_384
"""Rows that the TAP service reads at a time from a result with 12 columns."""


def run(session: Session) -> list[Comparison]:
    """Compare rows per second, and memory."""
    rows = session.size(100_000, 20_000)
    rounds, processes = session.rounds(7), session.rounds(3)
    path = session.folder / "objects.arrow"
    _write(path, rows)
    table = read(path)
    with session.steps("votable: comparing the output of both"):
        _check(table.slice(0, 5_000))
    with session.steps("votable: measuring", 2 * (rounds + processes)) as step:
        taken = interleave(
            rounds,
            {
                name: partial(seconds, partial(write, table, CountingSink()))
                for name, write in WRITERS.items()
            },
            step,
        )
        memory = interleave(
            processes, {name: partial(_memory, name, path) for name in WRITERS}, step
        )
    peer = f"astropy.io.votable {version('astropy')}"
    what = f"VOTable, BINARY2, {rows:.0e} rows × {len(FIELDS)} columns".replace("e+0", "e")
    ours, peers = (taken[name].inverted(rows) for name in ("ours", "peer"))
    return [
        Comparison(what, "rows/s", ours, peers, peer, better="higher"),
        Comparison(f"{what}: memory", "MiB", memory["ours"], memory["peer"], peer),
    ]


def _write(path: Path, rows: int) -> None:
    random = np.random.default_rng(20210630)
    table = pa.table(
        {
            "objectId": np.arange(rows) + 10**15,
            "ra": random.uniform(60, 64, rows),
            "dec": random.uniform(-39, -35, rows),
            **{
                f"mag_{band}": pa.array(
                    random.uniform(16, 27, rows).astype(np.float32), mask=random.random(rows) < 0.05
                )
                for band in "ugrizy"
            },
            "clean": pa.array(random.random(rows) < 0.9, mask=random.random(rows) < 0.01),
            "patch": [f"{one % 7},{one % 5}" if one % 11 else None for one in range(rows)],
            "tract": (3000 + random.integers(0, 2000, rows)).astype(np.int32),
        }
    )
    with pa.ipc.new_file(str(path), table.schema) as file:
        file.write_table(table, max_chunksize=_BATCH)


def _check(table: pa.Table) -> None:
    """Raise an error unless both writers produce the same table."""
    from astropy.io import votable

    found = []
    for write in WRITERS.values():
        document = io.BytesIO()
        write(table, document)
        document.seek(0)
        found.append(votable.parse_single_table(document).to_table())
    ours, peer = found
    for field in FIELDS:
        one, other = ours[field.name], peer[field.name]
        if [str(value) for value in one] != [str(value) for value in other]:
            raise RuntimeError(f"the two writers disagree on {field.name}")


def _memory(name: str, path: Path) -> float:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.votable_writers", name, str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    taken = float(done.stdout)
    if taken <= 0:
        raise RuntimeError(f"writing {path.name} used no measurable memory")
    return taken
