from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from lsst.daf.butler import StorageClass
from lsst.resources import ResourcePath

from firstlight_lab.camera import Camera
from firstlight_lab.formatters import (
    ExposureDelegate,
    JsonDataclassFormatter,
    read_component,
    read_exposure,
    write_exposure,
)
from firstlight_lab.geometry import Box
from firstlight_lab.images import ExposureF
from firstlight_lab.skymap import SkyMap
from firstlight_sampledata.simulate import Simulation


@pytest.fixture(scope="module")
def coadd(simulation: Simulation) -> ExposureF:
    return simulation.coadds["i"]


@pytest.fixture(scope="module")
def file(coadd: ExposureF, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("fits") / "coadd.fits")
    write_exposure(coadd, path)
    return path


def test_an_exposure_comes_back_as_it_was(coadd: ExposureF, file: str) -> None:
    back = read_exposure(file)

    for plane in ("image", "mask", "variance"):
        written, read = getattr(coadd, plane), getattr(back, plane)
        assert np.array_equal(read.array, written.array), plane
        assert read.array.dtype == written.array.dtype
        assert read.bbox == written.bbox
    assert back.mask.planes == coadd.mask.planes
    assert (back.photoCalib, back.filter) == (coadd.photoCalib, coadd.filter)
    assert back.psf_fwhm == pytest.approx(coadd.psf_fwhm)
    assert back.metadata == {"EXPTIME": coadd.metadata["EXPTIME"]}


def test_a_position_keeps_its_pixel(coadd: ExposureF, file: str) -> None:
    x, y = coadd.bbox.x0 + 12.25, coadd.bbox.y0 + 400.5
    sky = coadd.wcs.all_pix2world(x, y, 0)

    back = read_component(file, "wcs").all_world2pix(*sky, 0)

    assert [float(v) for v in back] == pytest.approx([x, y], abs=1e-6)


def test_programs_that_know_only_fits_see_the_same_sky(coadd: ExposureF, file: str) -> None:
    with fits.open(file) as hdus:
        plain = WCS(hdus["IMAGE"].header).all_pix2world(12.25, 400.5, 0)
    ours = coadd.wcs.all_pix2world(coadd.bbox.x0 + 12.25, coadd.bbox.y0 + 400.5, 0)

    assert [float(v) for v in plain] == pytest.approx([float(v) for v in ours], abs=1e-9)


@pytest.mark.parametrize(
    ("x", "y", "width", "height"), [(0, 0, 1, 1), (17, 240, 63, 31), (630, 5, 10, 635)]
)
def test_a_cutout_is_that_slice_of_the_whole(
    coadd: ExposureF, file: str, x: int, y: int, width: int, height: int
) -> None:
    box = Box(coadd.bbox.x0 + x, coadd.bbox.y0 + y, width, height)
    whole = read_exposure(file)

    cutout = read_exposure(file, bbox=box)

    assert cutout.bbox == box
    for plane in ("image", "mask", "variance"):
        of_whole = getattr(whole, plane).array[y : y + height, x : x + width]
        assert np.array_equal(getattr(cutout, plane).array, of_whole), plane
        assert np.array_equal(read_component(file, plane, bbox=box).array, of_whole), plane
    assert cutout.wcs.wcs.compare(whole.wcs.wcs)


@pytest.mark.parametrize("shift", [(-1, 0), (0, -1), (631, 0), (0, 631), (5000, 5000)])
def test_a_box_that_is_not_on_the_image_is_refused(
    coadd: ExposureF, file: str, shift: tuple[int, int]
) -> None:
    box = Box(coadd.bbox.x0 + shift[0], coadd.bbox.y0 + shift[1], 10, 10)

    with pytest.raises(ValueError, match="is not inside the image's"):
        read_exposure(file, bbox=box)


def test_an_empty_box_is_refused(coadd: ExposureF, file: str) -> None:
    with pytest.raises(ValueError, match="is not inside"):
        read_exposure(file, bbox=Box(coadd.bbox.x0, coadd.bbox.y0, 0, 10))


@pytest.mark.parametrize("wrong", [(1, 2, 3), "here", (1.5, 2, 3, 4), 7])
def test_what_is_not_a_box_is_refused_with_the_right_form(coadd: ExposureF, wrong: object) -> None:
    delegate = ExposureDelegate(StorageClass("ExposureF"))

    with pytest.raises(ValueError, match=r"\(x0, y0, width, height\)"):
        delegate.handleParameters(coadd, {"bbox": wrong})


def test_a_component_that_is_not_there_is_named(coadd: ExposureF, file: str) -> None:
    delegate = ExposureDelegate(StorageClass("ExposureF"))

    with pytest.raises(AttributeError, match="no component 'apCorrMap'"):
        read_component(file, "apCorrMap")
    with pytest.raises(AttributeError, match="no component 'apCorrMap'"):
        delegate.getComponent(coadd, "apCorrMap")


@pytest.mark.parametrize("value", [SkyMap(), Camera.lsst("LSSTCam-imSim")])
def test_sky_map_and_camera_come_back_from_json(value: SkyMap | Camera, tmp_path: Path) -> None:
    formatter = JsonDataclassFormatter.__new__(JsonDataclassFormatter)
    path = tmp_path / "value.json"
    path.write_bytes(formatter.to_bytes(value))

    assert formatter.read_from_uri(ResourcePath(str(path))) == value
