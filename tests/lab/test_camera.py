from __future__ import annotations

import pytest

from firstlight_lab.camera import Camera

CAMERA = Camera.lsst("LSSTCam-imSim")


def test_has_21_rafts_of_nine_detectors_numbered_as_in_dc2() -> None:
    assert len(CAMERA) == 189
    assert len({detector.raft for detector in CAMERA.detectors}) == 21
    assert [detector.getId() for detector in CAMERA.detectors] == list(range(189))
    assert CAMERA[94].getName() == "R22_S11"


def test_a_detector_is_found_by_number_and_by_name() -> None:
    assert CAMERA["R22_S11"] is CAMERA[94]
    with pytest.raises(KeyError, match="R00_S00"):
        CAMERA["R00_S00"]
