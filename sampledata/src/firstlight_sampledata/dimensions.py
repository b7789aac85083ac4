"""The dimension records of the registry: instrument, sky map, visits and their regions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
from astropy.time import Time, TimeDelta
from astropy.wcs import WCS
from lsst.daf.butler import Timespan
from lsst.sphgeom import ConvexPolygon, LonLat, UnitVector3d
from numpy.typing import NDArray

from firstlight_lab.camera import Camera
from firstlight_lab.geometry import Box
from firstlight_sampledata.field import INSTRUMENT, SKYMAP, Field, Visit

__all__ = ["dimension_records", "region_of"]

type Record = dict[str, str | int | float | bytes | Timespan | ConvexPolygon]
type Records = list[Record]

_VISIT_SYSTEM = 0
_EXPOSURE_TIME = 30.0


def dimension_records(field: Field) -> Iterator[tuple[str, Records]]:
    """Yield each dimension element with its records, elements that others refer to first.

    Notes
    -----
    The sky map record describes the whole DC2 map (its number of tracts), but only the tract of the
    sample data has a record, as have all its patches.
    """
    yield from _instrument_records()
    nights = {visit.day_obs: visit for visit in field.visits}
    yield "day_obs", [_day_obs(visit) for visit in nights.values()]
    yield from _sky_map_records(field)
    yield from _visit_records(field)


def region_of(wcs: WCS, *boxes: Box) -> ConvexPolygon:
    """Return the convex region of the sky that contains the given boxes, pixel edges included."""
    x = np.array([x - 0.5 for box in boxes for x in (box.x0, box.x1, box.x1, box.x0)])
    y = np.array([y - 0.5 for box in boxes for y in (box.y0, box.y0, box.y1, box.y1)])
    ra, dec = wcs.all_pix2world(x, y, 0)
    return _hull(ra, dec)


def _hull(ra: NDArray[np.float64], dec: NDArray[np.float64]) -> ConvexPolygon:
    corners = zip(ra, dec, strict=True)
    return ConvexPolygon.convexHull([UnitVector3d(LonLat.fromDegrees(*at)) for at in corners])


def _instrument_records() -> Iterator[tuple[str, Records]]:
    camera = Camera.lsst(INSTRUMENT)
    yield (
        "instrument",
        [
            {
                "name": INSTRUMENT,
                "visit_max": 10_000_000,
                "exposure_max": 10_000_000,
                "detector_max": 1000,
                "visit_system": _VISIT_SYSTEM,
                "class_name": "lsst.obs.lsst.LsstCamImSim",
            }
        ],
    )
    yield (
        "physical_filter",
        [
            {"instrument": INSTRUMENT, "name": f"{band}_sim_1.4", "band": band}
            for band in ("u", "g", "r", "i", "z", "y")
        ],
    )
    yield (
        "visit_system",
        [{"instrument": INSTRUMENT, "id": _VISIT_SYSTEM, "name": "one-to-one"}],
    )
    yield (
        "detector",
        [
            {
                "instrument": INSTRUMENT,
                "id": detector.id,
                "full_name": detector.name,
                "name_in_raft": detector.name.partition("_")[2],
                "raft": detector.raft,
                "purpose": "SCIENCE",
            }
            for detector in camera.detectors
        ],
    )


def _sky_map_records(field: Field) -> Iterator[tuple[str, Records]]:
    tract = field.tract
    sky_map = tract.sky_map
    patches = sky_map.patches
    yield (
        "skymap",
        [
            {
                "name": SKYMAP,
                "hash": hashlib.sha1(repr(sky_map).encode(), usedforsecurity=False).digest(),
                "tract_max": len(sky_map),
                "patch_nx_max": patches,
                "patch_ny_max": patches,
            }
        ],
    )
    key = {"skymap": SKYMAP, "tract": tract.id}
    yield "tract", [{"skymap": SKYMAP, "id": tract.id, "region": region_of(tract.wcs, tract.bbox)}]
    yield (
        "patch",
        [
            {
                **key,
                "id": patch.id,
                "cell_x": patch.x,
                "cell_y": patch.y,
                "region": region_of(tract.wcs, patch.outer),
            }
            for patch in map(tract.patch, range(patches**2))
        ],
    )


def _visit_records(field: Field) -> Iterator[tuple[str, Records]]:
    """Yield the visits, one exposure for each, and the records that connect them."""
    visits = field.visits
    yield "group", [{"instrument": INSTRUMENT, "name": str(visit.id)} for visit in visits]
    yield "exposure", [_exposure(visit) for visit in visits]
    yield "visit", [_visit(visit, field) for visit in visits]
    keys: Records = [{"instrument": INSTRUMENT, "visit": visit.id} for visit in visits]
    yield "visit_definition", [{**key, "exposure": key["visit"]} for key in keys]
    yield "visit_system_membership", [{**key, "visit_system": _VISIT_SYSTEM} for key in keys]
    yield (
        "visit_detector_region",
        [
            {
                "instrument": INSTRUMENT,
                "visit": visit.id,
                "detector": detector,
                "region": _detector_region(visit, detector, field),
            }
            for visit in visits
            for detector in visit.detectors
        ],
    )


def _day_obs(visit: Visit) -> Record:
    day = str(visit.day_obs)
    # An observing day begins at noon, which is midnight in the survey's time zone, UTC-12.
    noon = Time(f"{day[:4]}-{day[4:6]}-{day[6:]}T12:00:00", scale="tai")
    span = Timespan(noon, noon + TimeDelta(1, format="jd", scale="tai"))
    return {"instrument": INSTRUMENT, "id": visit.day_obs, "timespan": span}


def _observed(visit: Visit) -> Record:
    """Return the fields that exposures and visits have in common."""
    begin = Time(visit.mjd, format="mjd", scale="tai")
    return {
        "instrument": INSTRUMENT,
        "id": visit.id,
        "physical_filter": visit.band.physical_filter,
        "day_obs": visit.day_obs,
        "seq_num": visit.id,
        "exposure_time": _EXPOSURE_TIME,
        "target_name": "DC2 WFD",
        "observation_reason": "science",
        "science_program": "DC2",
        "timespan": Timespan(begin, begin + TimeDelta(_EXPOSURE_TIME, format="sec", scale="tai")),
    }


def _exposure(visit: Visit) -> Record:
    return {
        **_observed(visit),
        "obs_id": str(visit.id),
        "group": str(visit.id),
        "dark_time": _EXPOSURE_TIME,
        "observation_type": "science",
        "seq_start": visit.id,
        "seq_end": visit.id,
        "tracking_ra": visit.ra,
        "tracking_dec": visit.dec,
        "sky_angle": visit.angle,
        "has_simulated": True,
        "can_see_sky": True,
    }


def _visit(visit: Visit, field: Field) -> Record:
    regions = [_detector_region(visit, detector, field) for detector in visit.detectors]
    vertices = [vertex for region in regions for vertex in region.getVertices()]
    return {
        **_observed(visit),
        "name": str(visit.id),
        "region": ConvexPolygon.convexHull(vertices),
    }


def _detector_region(visit: Visit, detector: int, field: Field) -> ConvexPolygon:
    side = field.detector_side
    return region_of(visit.wcs(detector, side), Box(0, 0, side, side))
