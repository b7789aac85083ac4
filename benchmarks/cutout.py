"""Cutouts: ``butler.get(…, parameters={"bbox": …})`` compared with two ways to get the same pixels.

All sides read one small part of a coadd of the sample data, in the labs' environment as in a
notebook.

- *Butler, whole image, then sliced*: the same ``butler.get`` without ``bbox``, whose result is then
  sliced, as one would without knowing the parameter. Both sides look the dataset up in the registry
  and return a complete exposure (image, mask, variance, WCS).
- *astropy.io.fits ``.section``*: only the image's pixels, from a known path. Without a lookup or an
  exposure, it is the lower bound that our side can at best approach. To show how much of the time
  is the Butler's, the formatter alone is also measured (``read_component`` for the image, with
  ``bbox``, which returns pixels and their position).

The file is in the page cache for all sides.
"""

from __future__ import annotations

import json

from benchmarks.cutout_in_labs import Timings
from benchmarks.measure import Comparison, Series
from benchmarks.session import Session

__all__ = ["run"]

_MILLI = 1e3
_SIDE = 100


def run(session: Session) -> list[Comparison]:
    """Compare ways to read a small part of a coadd."""
    repository = session.sample_data / "butler"
    rounds = session.rounds(20)
    with session.steps("cutout: measuring"):
        said = session.in_labs(
            "benchmarks.cutout_in_labs", str(repository), str(rounds), str(_SIDE)
        )
    found: Timings = json.loads(said)
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
            note="the peer reads only the image's pixels, from a path that it is given",
        ),
        Comparison(
            f"{what}, image's pixels alone", "ms", taken["pixels"], taken["section"], section
        ),
    ]
