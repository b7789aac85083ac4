"""Cutouts: ``butler.get(…, parameters={"bbox": …})`` against two other ways to the same pixels.

One small part of a coadd of the sample data, in the labs' environment as in a notebook.

- *Butler, whole image, then sliced*: the same ``butler.get`` without ``bbox``, and the part cut out
  of what came, as one does who does not know the parameter. Both sides look the data set up in the
  registry; both return a whole exposure (image, mask, variance, WCS).
- *astropy.io.fits ``.section``*: the file's path known, only the image's pixels read. It looks
  nothing up and makes no exposure: it is the floor, and ours can but come near it. So that one sees
  what of the way is the Butler's, the formatter alone is a line too (``read_exposure`` with
  ``bbox`` and ``component="image"``, which returns pixels and their place).

The file is in the page cache for all sides.
"""

from __future__ import annotations

import json
from typing import Any

from benchmarks.measure import Comparison, Series
from benchmarks.session import Session

__all__ = ["run"]

_MILLI = 1e3
_SIDE = 100


def run(session: Session) -> list[Comparison]:
    """Compare reading a small part of a coadd."""
    repository = session.sample_data / "butler" / "dp01"
    rounds = session.rounds(20)
    with session.steps("cutout: measuring"):
        said = session.in_labs(
            "benchmarks.cutout_in_labs", str(repository), str(rounds), str(_SIDE)
        )
    found: dict[str, Any] = json.loads(said)
    taken = {name: Series(tuple(values)).scaled(_MILLI) for name, values in found["taken"].items()}
    width, height = found["shape"]
    what = f"cutout {_SIDE} × {_SIDE} of {width} × {height}"
    section = f"astropy.io.fits .section {found['astropy']}"
    return [
        Comparison(
            f"{what}, exposure through the Butler",
            "ms",
            taken["butler_bbox"],
            taken["butler_whole"],
            f"lsst.daf.butler {found['butler']}, whole image, sliced",
        ),
        Comparison(
            f"{what}, exposure through the Butler",
            "ms",
            taken["butler_bbox"],
            taken["section"],
            section,
            note="the peer reads the image's pixels alone from a path that it is given",
        ),
        Comparison(
            f"{what}, image's pixels alone", "ms", taken["pixels"], taken["section"], section
        ),
    ]
