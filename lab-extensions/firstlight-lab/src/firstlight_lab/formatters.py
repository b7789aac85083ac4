"""File formats: FITS for pixels, read in part where possible, and JSON for small objects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from lsst.daf.butler import FormatterV2, StorageClassDelegate
from lsst.resources import ResourcePath

from firstlight_lab.camera import Camera, Detector
from firstlight_lab.geometry import Box, Extent, Point
from firstlight_lab.images import ExposureF, FilterLabel, ImageF, MaskX, Metadata, PhotoCalib
from firstlight_lab.skymap import SkyMap

__all__ = [
    "ExposureDelegate",
    "ExposureFormatter",
    "JsonDataclassFormatter",
    "TableFormatter",
    "read_component",
    "read_exposure",
    "write_exposure",
]

type Component = ImageF | MaskX | WCS | Box | Point | Extent | PhotoCalib | FilterLabel | Metadata
type Parameters = Mapping[str, Sequence[float]]
"""The Butler's read parameters; the only one we support is ``bbox``."""


class ExposureDelegate(StorageClassDelegate):
    """Access to components of exposures that are already in memory, and to parts of them."""

    def getComponent(  # noqa: N802
        self,
        composite: ExposureF,
        componentName: str,  # noqa: N803
    ) -> Component:
        """Return a component of an exposure.

        Raises
        ------
        AttributeError
            If the sample data have no such component.
        """
        components: dict[str, Component] = {
            "image": composite.image,
            "mask": composite.mask,
            "variance": composite.variance,
            "bbox": composite.bbox,
            "xy0": composite.xy0,
            "dimensions": composite.dimensions,
            "wcs": composite.wcs,
            "photoCalib": composite.photoCalib,
            "filter": composite.filter,
            "metadata": composite.metadata,
        }
        if componentName not in components:
            raise _unknown(componentName)
        return components[componentName]

    def handleParameters(  # noqa: N802
        self,
        inMemoryDataset: ExposureF,  # noqa: N803
        parameters: Parameters | None = None,
    ) -> ExposureF:
        """Return the part of an exposure inside ``bbox``, or all of it without that parameter."""
        box = _bbox_parameter(parameters)
        return inMemoryDataset if box is None else inMemoryDataset[box]


class ExposureFormatter(FormatterV2):
    """An exposure in a FITS file; a ``bbox`` or component reads only the data it needs.

    Notes
    -----
    The image is stored uncompressed so that a cutout reads only its own rows; mask and variance,
    which are nearly constant, use lossless tile compression. The WCS keywords describe the stored
    array (FITS, 1-based), and ``CRVAL1A``/``CRVAL2A`` (similar to ``LTV``) give its position on the
    parent's grid, as in the Rubin pipelines.
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
    ) -> ExposureF | Component:
        """Read an exposure, part of it, or one of its components."""
        bbox = _bbox_parameter(self.file_descriptor.parameters)
        if component is None:
            return read_exposure(path, bbox=bbox)
        return read_component(path, component, bbox=bbox)

    def write_local_file(self, in_memory_dataset: ExposureF, uri: ResourcePath) -> None:
        """Write an exposure to a local file."""
        write_exposure(in_memory_dataset, uri.ospath)


class JsonDataclassFormatter(FormatterV2):
    """The sky map or camera as JSON, which survives changes to our code better than pickle."""

    default_extension = ".json"
    unsupported_parameters = None
    can_read_from_uri = True

    def read_from_uri(
        self,
        uri: ResourcePath,
        component: str | None = None,  # noqa: ARG002
        expected_size: int = -1,  # noqa: ARG002
    ) -> SkyMap | Camera:
        """Read a sky map or camera."""
        values = json.loads(uri.read())
        if "detectors" in values:
            detectors = tuple(Detector(**detector) for detector in values["detectors"])
            return Camera(values["name"], detectors)
        return SkyMap(**values)

    def to_bytes(self, in_memory_dataset: SkyMap | Camera) -> bytes:
        """Serialize the fields of a sky map or camera, without its cached properties."""
        return json.dumps(asdict(in_memory_dataset), indent=1).encode()


class TableFormatter(FormatterV2):
    """A catalog in a Parquet file, read as an astropy table."""

    default_extension = ".parq"
    unsupported_parameters = None
    can_read_from_local_file = True

    def read_from_local_file(
        self,
        path: str,
        component: str | None = None,  # noqa: ARG002
        expected_size: int = -1,  # noqa: ARG002
    ) -> Table:
        """Read a table from a local file."""
        import pyarrow.parquet as pq

        columns = pq.read_table(path)
        return Table({name: columns[name].to_numpy() for name in columns.column_names})

    def write_local_file(self, in_memory_dataset: Table, uri: ResourcePath) -> None:
        """Write a table to a local file."""
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


class _FromHeader(NamedTuple):
    """The components of an exposure that are not planes of pixels, under the Butler's names."""

    wcs: WCS
    bbox: Box
    xy0: Point
    dimensions: Extent
    photoCalib: PhotoCalib  # noqa: N815
    filter: FilterLabel
    metadata: Metadata


@dataclass(frozen=True)
class _Opened:
    """An open file, and the box to read from it."""

    hdus: fits.HDUList
    header: fits.Header
    whole: Box
    box: Box

    @property
    def cut(self) -> tuple[slice, slice]:
        """The box as indices of the whole image."""
        return self.box.slices_in(self.whole)


@contextmanager
def _opened(path: str, bbox: Box | None) -> Iterator[_Opened]:
    with fits.open(path, memmap=False, lazy_load_hdus=True) as hdus:
        header = hdus["IMAGE"].header
        whole = _stored_box(header)
        box = whole if bbox is None else bbox
        if not whole.contains(box) or 0 in (box.width, box.height):
            raise ValueError(f"bbox {tuple(box)} is not inside the image's {tuple(whole)}")
        yield _Opened(hdus, header, whole, box)


def read_exposure(path: str, *, bbox: Box | None = None) -> ExposureF:
    """Read an exposure from a FITS file.

    Parameters
    ----------
    bbox
        The part to read, in the parent's pixel coordinates; by default, all of it.

    Raises
    ------
    ValueError
        If the box is not inside the image.
    """
    with _opened(path, bbox) as file:
        known = _from_header(file.header, file.whole, file.box)
        return ExposureF(
            _plane(file.hdus, "IMAGE", file.cut, file.box),
            _mask(file.hdus, file.cut, file.box),
            _plane(file.hdus, "VARIANCE", file.cut, file.box),
            wcs=known.wcs,
            photoCalib=known.photoCalib,
            filter=known.filter,
            psf_fwhm=float(file.header["FWHM"]),
            metadata=known.metadata,
        )


def read_component(path: str, component: str, *, bbox: Box | None = None) -> Component:
    """Read one component of an exposure from a FITS file, and nothing else of it.

    Parameters
    ----------
    component
        ``image``, ``mask``, ``variance``, ``wcs``, ``bbox``, ``xy0``, ``dimensions``,
        ``photoCalib``, ``filter`` or ``metadata``.
    bbox
        The part to read, in the parent's pixel coordinates; by default, all of it.

    Raises
    ------
    AttributeError
        If the sample data have no such component.
    ValueError
        If the box is not inside the image.
    """
    with _opened(path, bbox) as file:
        if component == "mask":
            return _mask(file.hdus, file.cut, file.box)
        if component in ("image", "variance"):
            return _plane(file.hdus, component.upper(), file.cut, file.box)
        known: dict[str, Component] = _from_header(file.header, file.whole, file.box)._asdict()
        if component not in known:
            raise _unknown(component)
        return known[component]


def _from_header(header: fits.Header, whole: Box, box: Box) -> _FromHeader:
    """Return the components that are not planes of pixels."""
    wcs = WCS(header)
    wcs.wcs.crpix += np.array([whole.x0, whole.y0])
    wcs.wcs.set()
    return _FromHeader(
        wcs=wcs,
        bbox=box,
        xy0=Point(box.x0, box.y0),
        dimensions=Extent(box.width, box.height),
        photoCalib=PhotoCalib(float(header["MAGZERO"])),
        filter=FilterLabel(header["BAND"], header["FILTER"]),
        metadata={key: header[key] for key in ("VISIT", "DETECTOR", "EXPTIME") if key in header},
    )


def _plane(hdus: fits.HDUList, name: str, cut: tuple[slice, slice], box: Box) -> ImageF:
    # FITS is big-endian; users of numpy expect the machine's native byte order.
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
    """Return the same projection with pixels counted from the corner of the stored array."""
    local = wcs.deepcopy()
    local.wcs.crpix = local.wcs.crpix - [box.x0, box.y0]
    local.wcs.set()
    return local


def _bbox_parameter(parameters: Parameters | None) -> Box | None:
    """Return the requested ``bbox``, which may be any (x0, y0, width, height)."""
    value = (parameters or {}).get("bbox")
    if value is None:
        return None
    try:
        box = Box(*(int(v) for v in value))
    except (TypeError, ValueError):
        box = None
    if box is None or tuple(box) != tuple(value):
        raise ValueError(f"bbox must be (x0, y0, width, height) in whole pixels, not {value!r}")
    return box


def _unknown(component: str) -> AttributeError:
    """Return the error for a component that the sample data do not have."""
    return AttributeError(f"the sample data have no component {component!r}")
