"""The program that `benchmarks.cutout` runs in the labs' environment to time each side."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from benchmarks.measure import interleave, seconds

__all__ = ["Timings", "main"]

Pixels = npt.NDArray[np.float32]
_COLLECTION = "2.2i/runs/DP0.1"


class Timings(TypedDict):
    """The output of the program: image size, versions, and the seconds taken by each side."""

    shape: tuple[int, int]
    astropy: str
    butler: str
    taken: dict[str, tuple[float, ...]]


def main() -> None:
    """Measure, given the repository, the repetitions, and the cutout's side in pixels."""
    from firstlight_lab.env import lab_environment

    # The Butler reads these variables when it is imported.
    os.environ.update(lab_environment())
    repository, rounds, side = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    sides, shape = _sides(repository, side)
    pixels = [work() for work in sides.values()]
    if not all(np.array_equal(pixels[0], other) for other in pixels):
        raise RuntimeError("the sides returned different pixels")
    taken = interleave(rounds, {name: partial(seconds, work) for name, work in sides.items()})
    document = Timings(
        shape=shape,
        astropy=version("astropy"),
        butler=version("lsst-daf-butler"),
        taken={name: series.values for name, series in taken.items()},
    )
    sys.stdout.write(json.dumps(document))


def _sides(repository: Path, side: int) -> tuple[dict[str, Callable[[], Pixels]], tuple[int, int]]:
    from astropy.io import fits
    from lsst.daf.butler import Butler

    from firstlight_lab.formatters import read_component
    from firstlight_lab.geometry import Box
    from firstlight_lab.images import ExposureF, ImageF

    butler = Butler.from_config(str(repository), collections=_COLLECTION)
    data_id = sorted(butler.query_datasets("deepCoadd"))[0].dataId
    whole = butler.get("deepCoadd.bbox", data_id)
    middle = (whole.x0 + whole.width / 2, whole.y0 + whole.height / 2)
    box = Box.around(*middle, side)
    cut = box.slices_in(whole)
    path = butler.getURI("deepCoadd", data_id).ospath

    def butler_bbox() -> Pixels:
        exposure: ExposureF = butler.get("deepCoadd", data_id, parameters={"bbox": box})
        return exposure.image.array

    def butler_whole() -> Pixels:
        exposure: ExposureF = butler.get("deepCoadd", data_id)
        return exposure[box].image.array

    def pixels() -> Pixels:
        image = read_component(path, "image", bbox=box)
        if not isinstance(image, ImageF):
            raise TypeError(type(image))
        return image.array

    def section() -> Pixels:
        with fits.open(path, memmap=False) as hdus:
            return np.ascontiguousarray(hdus["IMAGE"].section[cut], dtype=np.float32)

    sides = {f.__name__: f for f in (butler_bbox, butler_whole, pixels, section)}
    return sides, (whole.width, whole.height)


if __name__ == "__main__":
    main()
