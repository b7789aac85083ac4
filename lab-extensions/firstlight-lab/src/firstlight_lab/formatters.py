"""How images and maps lie in files: FITS for pixels, JSON for small things, read in parts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from lsst.daf.butler import FormatterV2, StorageClassDelegate
from lsst.resources import ResourcePath

from firstlight_lab.camera import Camera, Detector
from firstlight_lab.geometry import Box, Extent, Point
from firstlight_lab.images import ExposureF, FilterLabel, ImageF, MaskX, PhotoCalib
from firstlight_lab.skymap import SkyMap

__all__ = [
    "ExposureDelegate",
    "ExposureFormatter",
    "JsonDataclassFormatter",
    "TableFormatter",
    "read_exposure",
    "write_exposure",
]


class ExposureDelegate(StorageClassDelegate):
    """Components and parameters of exposures that are already in memory."""

    def getComponent(self, composite: Any, componentName: str) -> Any:  # noqa: N802, N803
        """Return a component of an exposure.

        Raises
        ------
        AttributeError
            If the sample data have no such component.
        """
        return _component(composite, componentName)

    def handleParameters(  # noqa: N802
        self,
        inMemoryDataset: Any,  # noqa: N803
        parameters: Mapping[str, Any] | None = None,
    ) -> Any:
        """Cut out ``bbox``."""
        box = _bbox_parameter(parameters)
        return inMemoryDataset if box is None else inMemoryDataset[box]


class ExposureFormatter(FormatterV2):
    """An exposure in a FITS file; ``bbox`` and components read only what they need.

    Notes
    -----
    The image is stored as it is, so that a cutout reads only its own rows; mask and variance, which
    are nearly constant, are tile-compressed without loss. WCS keywords are those of the stored
    array (FITS, 1-based), with ``CRVAL1A``/``CRVAL2A`` (``LTV``-like) for the parent's grid, as the
    Rubin pipelines do.
    """

    default_extension = ".fits"
    unsupported_parameters = frozenset(
        {"amp", "detector", "preserve_quantization", "exposure_record"}
    )
    can_read_from_local_file = True

    def read_from_local_file(
        self,
        path: str,
        component: str | None = None,
        expected_size: int = -1,  # noqa: ARG002
    ) -> Any:
        """Read an exposure, a part of it, or one of its components."""
        descriptor = self.file_descriptor
        return read_exposure(path, bbox=_bbox_parameter(descriptor.parameters), component=component)

    def write_local_file(self, in_memory_dataset: Any, uri: ResourcePath) -> None:
        """Write an exposure."""
        write_exposure(in_memory_dataset, uri.ospath)


class JsonDataclassFormatter(FormatterV2):
    """The sky map or the camera as JSON, which outlives versions of our code better than pickle."""

    default_extension = ".json"
    unsupported_parameters = None
    can_read_from_uri = True

    def read_from_uri(
        self,
        uri: ResourcePath,
        component: str | None = None,  # noqa: ARG002
        expected_size: int = -1,  # noqa: ARG002
    ) -> SkyMap | Camera:
        """Read a sky map or a camera."""
        values = json.loads(uri.read())
        if "detectors" in values:
            detectors = tuple(Detector(**detector) for detector in values["detectors"])
            return Camera(values["name"], detectors)
        return SkyMap(**values)

    def to_bytes(self, in_memory_dataset: Any) -> bytes:
        """Write its fields; what it has computed and kept is not a field."""
        return json.dumps(_fields(in_memory_dataset), indent=1).encode()


class TableFormatter(FormatterV2):
    """A catalog as a Parquet file, read as an astropy table."""

    default_extension = ".parq"
    unsupported_parameters = None
    can_read_from_local_file = True

    def read_from_local_file(
        self,
        path: str,
        component: str | None = None,  # noqa: ARG002
        expected_size: int = -1,  # noqa: ARG002
    ) -> Table:
        """Read a table."""
        import pyarrow.parquet as pq

        columns = pq.read_table(path)
        return Table({name: columns[name].to_numpy() for name in columns.column_names})

    def write_local_file(self, in_memory_dataset: Any, uri: ResourcePath) -> None:
        """Write a table."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = {name: np.asarray(in_memory_dataset[name]) for name in in_memory_dataset.colnames}
        pq.write_table(pa.table(columns), uri.ospath)


def write_exposure(exposure: ExposureF, path: str) -> None:
    """Write an exposure to a FITS file."""
    box = exposure.bbox
    header = _local_wcs(exposure.wcs, box).to_header()
    header["CRVAL1A"], header["CRVAL2A"] = box.x0, box.y0
    header["CRPIX1A"], header["CRPIX2A"] = 1, 1
    header["CTYPE1A"], header["CTYPE2A"] = "LINEAR", "LINEAR"
    header["MAGZERO"] = (exposure.photoCalib.zero_point, "AB magnitude of one count")
    header["FILTER"], header["BAND"] = exposure.filter.physicalLabel, exposure.filter.bandLabel
    header["FWHM"] = (exposure.psf_fwhm, "PSF full width at half maximum, pixels")
    for key, value in exposure.metadata.items():
        header[key] = value
    mask = fits.CompImageHDU(exposure.mask.array, name="MASK", compression_type="RICE_1")
    for name, bit in exposure.mask.planes.items():
        mask.header[f"HIERARCH MP_{name}"] = bit
    variance = fits.CompImageHDU(
        exposure.variance.array,
        name="VARIANCE",
        compression_type="GZIP_2",
        quantize_level=0.0,
    )
    image = fits.ImageHDU(exposure.image.array, header=header, name="IMAGE")
    hdus = fits.HDUList([fits.PrimaryHDU(), image, mask, variance])
    hdus.writeto(path, overwrite=True)


def read_exposure(path: str, *, bbox: Box | None = None, component: str | None = None) -> Any:
    """Read an exposure from a FITS file.

    Parameters
    ----------
    bbox
        The part to read, in the parent's pixel coordinates; by default all.
    component
        Return only this: ``image``, ``mask``, ``variance``, ``wcs``, ``bbox``, ``xy0``,
        ``dimensions``, ``photoCalib``, ``filter`` or ``metadata``.

    Raises
    ------
    ValueError
        If the box is not inside of the image.
    """
    with fits.open(path, memmap=False, lazy_load_hdus=True) as hdus:
        header = hdus["IMAGE"].header
        whole = _stored_box(header)
        box = whole if bbox is None else bbox
        if not whole.contains(box) or 0 in (box.width, box.height):
            raise ValueError(f"bbox {tuple(box)} is not inside of the image's {tuple(whole)}")
        cut = box.slices_in(whole)
        if component == "mask":
            return _mask(hdus, cut, box)
        if component in ("image", "variance"):
            return _plane(hdus, component.upper(), cut, box)
        known = _from_header(header, whole, box)
        if component is not None:
            if component not in known:
                raise AttributeError(f"the sample data have no component {component!r}")
            return known[component]
        fields = {name: known[name] for name in ("wcs", "photoCalib", "filter", "metadata")}
        return ExposureF(
            _plane(hdus, "IMAGE", cut, box),
            _mask(hdus, cut, box),
            _plane(hdus, "VARIANCE", cut, box),
            psf_fwhm=float(header["FWHM"]),
            **fields,
        )


def _from_header(header: fits.Header, whole: Box, box: Box) -> dict[str, Any]:
    """Return the components that are not planes of pixels."""
    wcs = WCS(header)
    wcs.wcs.crpix += np.array([whole.x0, whole.y0])
    wcs.wcs.set()
    return {
        "wcs": wcs,
        "bbox": box,
        "xy0": Point(box.x0, box.y0),
        "dimensions": Extent(box.width, box.height),
        "photoCalib": PhotoCalib(float(header["MAGZERO"])),
        "filter": FilterLabel(header["BAND"], header["FILTER"]),
        "metadata": {key: header[key] for key in ("VISIT", "DETECTOR", "EXPTIME") if key in header},
    }


def _plane(hdus: fits.HDUList, name: str, cut: tuple[slice, slice], box: Box) -> ImageF:
    # FITS is big-endian; numpy's users expect the machine's own order.
    return ImageF(np.ascontiguousarray(hdus[name].section[cut], dtype=np.float32), box)


def _mask(hdus: fits.HDUList, cut: tuple[slice, slice], box: Box) -> MaskX:
    bits = hdus["MASK"]
    planes = {
        key.removeprefix("MP_"): int(value)
        for key, value in bits.header.items()
        if key.startswith("MP_")
    }
    return MaskX(np.ascontiguousarray(bits.section[cut], dtype=np.int32), box, planes)


def _stored_box(header: fits.Header) -> Box:
    return Box(
        int(header["CRVAL1A"]), int(header["CRVAL2A"]), int(header["NAXIS1"]), int(header["NAXIS2"])
    )


def _local_wcs(wcs: WCS, box: Box) -> WCS:
    """Return the same projection, counted from the stored array's corner."""
    local = wcs.deepcopy()
    local.wcs.crpix = local.wcs.crpix - [box.x0, box.y0]
    local.wcs.set()
    return local


def _bbox_parameter(parameters: Mapping[str, Any] | None) -> Box | None:
    """Return the ``bbox`` that was asked for; any (x0, y0, width, height) will do."""
    value = (parameters or {}).get("bbox")
    if value is None:
        return None
    try:
        box = Box(*(int(v) for v in value))
    except (TypeError, ValueError):
        box = None
    if box is None or tuple(box) != tuple(value):
        raise ValueError(f"bbox has to be (x0, y0, width, height) in whole pixels, not {value!r}")
    return box


def _component(exposure: Any, name: str) -> Any:
    try:
        return getattr(exposure, name)
    except AttributeError:
        raise AttributeError(f"the sample data have no component {name!r}") from None


def _fields(value: Any) -> Any:
    names = getattr(value, "__dataclass_fields__", None)
    if names is None:
        return [_fields(item) for item in value] if isinstance(value, tuple) else value
    return {name: _fields(getattr(value, name)) for name in names}
