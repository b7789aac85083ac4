"""Runs the whole simulation in memory: true sky, coadds, single exposures and measurements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firstlight_lab.geometry import Box
from firstlight_lab.images import ExposureF
from firstlight_sampledata.detect import mark_detected
from firstlight_sampledata.field import BANDS, Field, Visit
from firstlight_sampledata.measure import Measured, measure
from firstlight_sampledata.psf import Psf
from firstlight_sampledata.render import Painting, draw, expose
from firstlight_sampledata.truth import Sky, make_sky

__all__ = ["PIXEL_SCALE", "Calexp", "Simulation", "simulate"]

PIXEL_SCALE = 0.2
"""Arcseconds per pixel."""

_COADD_TIME = {
    "u": 1680.0,
    "g": 2400.0,
    "r": 5520.0,
    "i": 5520.0,
    "z": 4800.0,
    "y": 4800.0,
}
_VISIT_TIME = 30.0
_UNSEEN = 2.0
"""Sources this much fainter than the depth of one exposure are not drawn in it, magnitudes."""


@dataclass(frozen=True)
class Calexp:
    """The exposure of one detector in one visit."""

    visit: Visit
    detector: int
    exposure: ExposureF


@dataclass(frozen=True)
class Simulation:
    """The complete simulation, before it is written to disk.

    Attributes
    ----------
    coadds
        Deep coadds of the whole field by band.
    """

    field: Field
    sky: Sky
    coadds: dict[str, ExposureF]
    calexps: tuple[Calexp, ...]
    measured: Measured


def simulate(field: Field, seed: int, say: Callable[[str], None]) -> Simulation:
    """Draw the sky, simulate exposures of it, and measure the objects on them.

    Notes
    -----
    Each step has its own stream of random numbers, so a change to one does not affect the others.
    """
    sky_seed, coadd_seed, visit_seed = np.random.SeedSequence(seed).spawn(3)
    sky = make_sky(field, np.random.default_rng(sky_seed))
    say(f"  drew a sky of {len(sky)} stars and galaxies")
    coadds = _coadds(field, sky, np.random.default_rng(coadd_seed))
    say(f"  made coadds of {field.side} × {field.side} pixels in {', '.join(coadds)}")
    calexps = _calexps(field, sky, np.random.default_rng(visit_seed))
    say(f"  made {len(calexps)} single exposures from {len(field.visits)} visits")
    measured = measure(coadds)
    say(f"  detected and measured {len(measured)} objects")
    return Simulation(field, sky, coadds, calexps, measured)


def _coadds(field: Field, sky: Sky, rng: np.random.Generator) -> dict[str, ExposureF]:
    tract_wcs = field.tract.wcs
    painting = Painting(field.box, tract_wcs)
    canvas = draw(sky, painting, tract_wcs, tuple(band.name for band in BANDS))
    coadds = {}
    for band in BANDS:
        psf = Psf(band.fwhm / PIXEL_SCALE)
        coadds[band.name] = expose(canvas[band.name], painting, band, psf, band.depth, rng)
        coadds[band.name].metadata["EXPTIME"] = _COADD_TIME[band.name]
        mark_detected(coadds[band.name])
    return coadds


def _calexps(field: Field, sky: Sky, rng: np.random.Generator) -> tuple[Calexp, ...]:
    side = field.detector_side
    variable = sky.only(sky.is_variable)
    drawn: dict[tuple[float, ...], NDArray[np.float64]] = {}
    calexps = []
    for visit in field.visits:
        band, psf = visit.band, Psf(visit.seeing / PIXEL_SCALE)
        for detector in visit.detectors:
            painting = Painting(Box(0, 0, side, side), visit.wcs(detector, side), visit.angle)
            view = (visit.ra, visit.dec, visit.angle, detector)
            depth = band.depth - visit.depth_lost
            if view not in drawn:
                seen = sky.magnitude(band.name) < depth + _UNSEEN
                constant = sky.only(seen & ~sky.is_variable)
                drawn[view] = draw(constant, painting, field.tract.wcs, (band.name,))[band.name]
            now = draw(variable.at(visit.mjd), painting, field.tract.wcs, (band.name,))[band.name]
            exposure = expose(drawn[view] + now, painting, band, psf, depth, rng)
            exposure.metadata.update(
                VISIT=visit.id, DETECTOR=detector, EXPTIME=_VISIT_TIME, MJD=visit.mjd
            )
            mark_detected(exposure)
            calexps.append(Calexp(visit, detector, exposure))
    return tuple(calexps)
