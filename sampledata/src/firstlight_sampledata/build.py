"""Builds the sample data on disk: each missing product is written completely or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from firstlight_lab.colour import colour_picture
from firstlight_sampledata.catalogs import Columns, measured_tables
from firstlight_sampledata.field import Field
from firstlight_sampledata.match import truth_match
from firstlight_sampledata.repository import write_repository
from firstlight_sampledata.simulate import Simulation, simulate
from firstlight_sampledata.stamps import PRODUCTS, Stamps, replacing

__all__ = ["build"]

Say = Callable[[str], None]


def build(out: Path, stamps: Stamps, *, say: Say) -> None:
    """Make the Butler repository, the catalogs and the preview image, where they are missing.

    Parameters
    ----------
    out
        The folder for ``butler/``, ``catalog/<table>.parquet`` and ``preview.png``.
    stamps
        Record of the products that exist and those requested. The same seed gives the same sky,
        pixels and measurements.
    say
        Called with each line of progress.
    """
    began = time.monotonic()
    say("Making the sample data:")
    simulation = simulate(Field.small() if stamps.quick else Field(), stamps.seed, say)
    for product in stamps.missing():
        with stamps.making(product):
            _MAKERS[product](out, simulation)
        say(f"  wrote {product}")
    say(f"Sample data ready after {time.monotonic() - began:.1f} s.")


def _repository(out: Path, simulation: Simulation) -> None:
    with replacing(out / "butler") as folder:
        write_repository(folder, simulation)


def _catalogs(out: Path, simulation: Simulation) -> None:
    tables = {**measured_tables(simulation), "truth_match": truth_match(simulation)}
    for name, columns in tables.items():
        with replacing(out / "catalog" / f"{name}.parquet") as path:
            pq.write_table(_arrow(columns), path)


def _preview(out: Path, simulation: Simulation) -> None:
    red, green, blue = (simulation.coadds[band].image.array for band in ("i", "r", "g"))
    picture = colour_picture(red, green, blue)[::-1]
    # Quantized in steps of five: invisible in the noise, and it halves the file size.
    pixels = (np.round(picture * 51) * 5).astype(np.uint8)
    with replacing(out / "preview.png") as path:
        Image.fromarray(pixels).save(path, format="png")


_MAKERS: dict[str, Callable[[Path, Simulation], None]] = dict(
    zip(PRODUCTS, (_repository, _catalogs, _preview), strict=True)
)


def _arrow(columns: Columns) -> pa.Table:
    """Return an Arrow table in which NaN is NULL."""
    return pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})
