from __future__ import annotations

import numpy as np
import pytest

from firstlight_lab.geometry import Box
from firstlight_lab.images import MaskX, PhotoCalib
from firstlight_sampledata.simulate import Simulation


def test_magnitudes_and_nanojansky_agree_on_the_ab_system() -> None:
    """A source of one nJy has magnitude 31.4."""
    calibration = PhotoCalib(27.0)
    counts = np.array([1.0, 250.0, 8e4])

    from_flux = 31.4 - 2.5 * np.log10(calibration.instFluxToNanojansky(counts))

    assert calibration.instFluxToMagnitude(counts) == pytest.approx(from_flux)
    assert calibration.instFluxToMagnitude(
        calibration.getInstFluxAtZeroMagnitude()
    ) == pytest.approx(0)


def test_no_light_has_no_magnitude() -> None:
    assert np.isnan(PhotoCalib(27.0).instFluxToMagnitude(np.array([-1.0, 0.0]))).all()


def test_bits_of_mask_planes_are_put_together() -> None:
    mask = MaskX(np.zeros((1, 1), dtype=np.int32), Box(0, 0, 1, 1))

    assert mask.getPlaneBitMask("SAT", "DETECTED") == (1 << 1) | (1 << 5)
    with pytest.raises(KeyError):
        mask.getPlaneBitMask("NONSENSE")


def test_a_part_of_an_exposure_is_a_view_in_the_same_coordinates(simulation: Simulation) -> None:
    coadd = simulation.coadds["r"]
    box = Box(coadd.bbox.x0 + 30, coadd.bbox.y0 + 10, 20, 25)

    part = coadd[box]

    assert part.getBBox() == box
    assert part.getXY0() == (box.x0, box.y0)
    assert part.getDimensions() == (20, 25)
    assert part.getWcs() is coadd.getWcs()
    assert np.shares_memory(part.getImage().getArray(), coadd.image.array)
    assert np.array_equal(part.image.array, coadd.image.array[10:35, 30:50])
    assert np.array_equal(part.getVariance().array, coadd.variance.array[10:35, 30:50])


def test_a_part_that_reaches_outside_is_refused(simulation: Simulation) -> None:
    coadd = simulation.coadds["r"]
    with pytest.raises(IndexError, match="not inside"):
        coadd[Box(coadd.bbox.x1 - 5, coadd.bbox.y0, 10, 10)]
