"""Making the sample data on disk: each product whole or not at all, and only if it is missing."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from firstlight_lab import __version__
from firstlight_lab.colour import colour_picture
from firstlight_lab.sampledata.catalogs import Columns, measured_tables
from firstlight_lab.sampledata.field import Field
from firstlight_lab.sampledata.match import truth_match
from firstlight_lab.sampledata.repository import write_repository
from firstlight_lab.sampledata.simulate import Simulation, simulate

__all__ = ["build"]

_FORMAT = 2
"""Raise it when the data change."""

Say = Callable[[str], None]


def build(out: Path, *, seed: int, quick: bool, say: Say) -> bool:
    """Make the Butler repository, the catalogs and the preview in a folder.

    Parameters
    ----------
    out
        Gets ``butler/dp01/``, ``catalog/<table>.parquet`` and ``preview.png``.
    seed
        The same seed gives the same sky, pixels and measurements.
    quick
        A small field, for tests.
    say
        Is told what is being done, a line at a time.

    Returns
    -------
    bool
        Whether anything was made.
    """
    began = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    stamps = _Stamps(out / ".sampledata.json", {"version": __version__, "format": _FORMAT})
    stamps.wanted.update(seed=seed, quick=quick)
    todo = [product for product in _PRODUCTS if not stamps.current(out, product)]
    if not todo:
        say("The sample data are there.")
        return False
    say("Making the sample data:")
    simulation = simulate(Field.small() if quick else Field(), seed, say)
    for product in todo:
        stamps.forget(product)
        _PRODUCTS[product](out, simulation)
        stamps.remember(product)
        say(f"  {product} written")
    say(f"The sample data were made in {time.monotonic() - began:.1f} s.")
    return True


class _Stamps:
    """What each product was made from; a product without a stamp is made anew."""

    def __init__(self, path: Path, wanted: dict[str, Any]) -> None:
        self.path = path
        self.wanted = wanted

    def current(self, out: Path, product: str) -> bool:
        return (out / product).exists() and self._read().get(product) == self.wanted

    def forget(self, product: str) -> None:
        self._write({name: stamp for name, stamp in self._read().items() if name != product})

    def remember(self, product: str) -> None:
        self._write({**self._read(), product: self.wanted})

    def _read(self) -> dict[str, Any]:
        try:
            stamps: dict[str, Any] = json.loads(self.path.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return stamps

    def _write(self, stamps: dict[str, Any]) -> None:
        with _replacing(self.path) as path:
            path.write_text(json.dumps(stamps, indent=1) + "\n")


def _repository(out: Path, simulation: Simulation) -> None:
    with _replacing(out / "butler" / "dp01") as folder:
        write_repository(folder, simulation)


def _catalogs(out: Path, simulation: Simulation) -> None:
    tables = {**measured_tables(simulation), "truth_match": truth_match(simulation)}
    for name, columns in tables.items():
        with _replacing(out / "catalog" / f"{name}.parquet") as path:
            pq.write_table(_arrow(columns), path)


def _preview(out: Path, simulation: Simulation) -> None:
    red, green, blue = (simulation.coadds[band].image.array for band in ("i", "r", "g"))
    picture = colour_picture(red, green, blue)[::-1]
    # Steps of five: nobody sees them in the noise, and the file is half as large.
    pixels = (np.round(picture * 51) * 5).astype(np.uint8)
    with _replacing(out / "preview.png") as path:
        Image.fromarray(pixels).save(path, format="png")


_PRODUCTS: dict[str, Callable[[Path, Simulation], None]] = {
    "butler/dp01": _repository,
    "catalog": _catalogs,
    "preview.png": _preview,
}


def _arrow(columns: Columns) -> pa.Table:
    """Return an Arrow table; what is not a number is NULL."""
    return pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """Give a path to write to; file or folder then take the target's place, for all to read."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=target.parent) as folder:
        path = Path(folder) / target.name
        yield path
        _open_to_all(path)
        if target.is_dir():
            target.rename(Path(folder) / "old")
        path.rename(target)


def _open_to_all(path: Path) -> None:
    """Let everybody read, whatever the umask; labs run as other users than the platform."""
    if path.is_dir():
        for folder, _, files in path.walk():
            folder.chmod(0o755)
            for name in files:
                (folder / name).chmod(0o644)
    else:
        path.chmod(0o644)
