"""Writes a simulation to a Butler repository: collections, dataset types and images."""

from __future__ import annotations

import os
from pathlib import Path

from lsst.daf.butler import Butler, CollectionType, DatasetType

from firstlight_lab import config_dir
from firstlight_lab.camera import Camera
from firstlight_lab.skymap import SkyMap
from firstlight_sampledata.dimensions import dimension_records
from firstlight_sampledata.field import INSTRUMENT, SKYMAP
from firstlight_sampledata.simulate import Simulation

__all__ = ["ALL", "write_repository"]

ALL = "2.2i/runs/DP0.1"
"""The chained collection that contains everything."""

_CALEXP = f"{ALL}/calexp/v1"
_COADD = f"{ALL}/coadd/wfd/dr6/v1"
_COADD_U = f"{_COADD}/u"
_COADD_GRIZY = f"{_COADD}/grizy"

_DATASET_TYPES = {
    "camera": (("instrument",), "Camera"),
    "skyMap": (("skymap",), "SkyMap"),
    "calexp": (("instrument", "visit", "detector"), "ExposureF"),
    "deepCoadd": (("skymap", "tract", "patch", "band"), "ExposureF"),
}


def write_repository(root: Path, simulation: Simulation) -> None:
    """Create a Butler repository in a new or empty folder.

    Notes
    -----
    The registry is an SQLite file with a rollback journal (SQLite's default). Unlike one with a
    write-ahead log, it can be read without write access to the file or its folder.
    """
    # A process reads this once, when it creates its first Butler.
    os.environ["DAF_BUTLER_CONFIG_PATH"] = str(config_dir())
    Butler.makeRepo(str(root))
    butler = Butler.from_config(str(root), writeable=True)
    try:
        _register(butler)
        # One transaction, because each commit waits for the disk.
        with butler.transaction():
            for element, records in dimension_records(simulation.field):
                butler.registry.insertDimensionData(element, *records)
            _put(butler, simulation)
    finally:
        butler.close()


def _register(butler: Butler) -> None:
    for run in (_CALEXP, _COADD_U, _COADD_GRIZY):
        butler.collections.register(run)
    for chain, children in ((_COADD, (_COADD_GRIZY, _COADD_U)), (ALL, (_CALEXP, _COADD))):
        butler.collections.register(chain, CollectionType.CHAINED)
        butler.collections.redefine_chain(chain, children)
    for name, (dimensions, storage_class) in _DATASET_TYPES.items():
        butler.registry.registerDatasetType(
            DatasetType(name, dimensions, storage_class, universe=butler.dimensions)
        )


def _put(butler: Butler, simulation: Simulation) -> None:
    field = simulation.field
    butler.put(Camera.lsst(INSTRUMENT), "camera", instrument=INSTRUMENT, run=_CALEXP)
    butler.put(SkyMap(SKYMAP), "skyMap", skymap=SKYMAP, run=_COADD_GRIZY)
    for calexp in simulation.calexps:
        data_id = {
            "instrument": INSTRUMENT,
            "visit": calexp.visit.id,
            "detector": calexp.detector,
        }
        butler.put(calexp.exposure, "calexp", data_id, run=_CALEXP)
    for band, coadd in simulation.coadds.items():
        run = _COADD_U if band == "u" else _COADD_GRIZY
        for patch in field.patches:
            data_id = {"skymap": SKYMAP, "tract": field.tract.id, "patch": patch.id, "band": band}
            part = coadd[patch.outer.clipped_to(coadd.bbox)]
            butler.put(part, "deepCoadd", data_id, run=run)
