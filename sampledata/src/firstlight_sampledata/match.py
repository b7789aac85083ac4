"""The truth table: the simulated sources and the catalog objects that match them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firstlight_sampledata.catalogs import Columns, object_ids, patch_names
from firstlight_sampledata.field import ZERO_POINT
from firstlight_sampledata.simulate import PIXEL_SCALE, Simulation
from firstlight_sampledata.truth import GALAXY, STAR

__all__ = ["truth_match"]

_RADIUS = 1.0
"""Largest separation between an object and its source, arcseconds."""
_MAGNITUDES = 1.0
"""Largest difference in r magnitude for a good match."""
_NSIDE = 32
"""HEALPix ``nside`` of the cells into which cosmoDC2 is divided."""

_Indices = NDArray[np.int64]


def truth_match(simulation: Simulation) -> Columns:
    """Return the table ``truth_match``, with a row for each match and each unmatched source.

    Notes
    -----
    As in DC2 (arXiv:2101.04855, section 5), each object is matched to the nearest source within an
    arcsecond whose r magnitude agrees; failing that, to the nearest source, which is then not a
    good match. Unmatched sources have -1 as their object id.
    """
    sky = simulation.sky
    objects, sources, good, nearest, separation = _match(simulation)
    unmatched = np.setdiff1d(np.arange(len(sky)), sources)
    lonely = np.full(len(unmatched), -1)
    never = np.zeros(len(unmatched), dtype=bool)
    rows = np.concatenate([sources, unmatched])
    matched_to = object_ids(simulation)[objects]
    columns: Columns = {
        "match_objectId": np.concatenate([matched_to, lonely]),
        "match_sep": np.concatenate([separation, lonely.astype(float)]),
        "is_good_match": np.concatenate([good, never]),
        "is_nearest_neighbor": np.concatenate([nearest, never]),
    }
    # Rows follow the order of the sources; the first row of each source is its unique entry.
    order = np.lexsort((columns["match_objectId"], rows))
    rows = rows[order]
    first = np.concatenate([[True], rows[1:] != rows[:-1]])
    return {
        **{name: values[rows] for name, values in _truth(simulation).items()},
        **{name: values[order] for name, values in columns.items()},
        "is_unique_truth_entry": first,
    }


def _match(
    simulation: Simulation,
) -> tuple[_Indices, _Indices, NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float64]]:
    """Return object, source, is-good, is-nearest and separation (arcseconds) of each match."""
    sky, measured = simulation.sky, simulation.measured
    with np.errstate(divide="ignore", invalid="ignore"):
        magnitude = ZERO_POINT - 2.5 * np.log10(np.clip(measured.bands["r"].model, 1e-9, None))
    order = np.argsort(sky.x)
    reach = _RADIUS / PIXEL_SCALE
    first, last = (np.searchsorted(sky.x[order], measured.x + step) for step in (-reach, reach))
    found = []
    for number, (x, y) in enumerate(zip(measured.x, measured.y, strict=True)):
        # Only the sources in a strip along y can be near enough.
        strip = np.sort(order[first[number] : last[number]])
        distance = PIXEL_SCALE * np.hypot(sky.x[strip] - x, sky.y[strip] - y)
        by_distance = np.argsort(distance, kind="stable")
        by_distance = by_distance[distance[by_distance] < _RADIUS]
        near, distance = strip[by_distance], distance[by_distance]
        agree = np.flatnonzero(np.abs(sky.r[near] - magnitude[number]) < _MAGNITUDES)
        if len(near):
            best = agree[0] if len(agree) else 0
            found.append((number, near[best], bool(len(agree)), best == 0, distance[best]))
    objects, sources, good, nearest, separation = (np.array(v) for v in zip(*found, strict=True))
    return objects, sources, good, nearest, separation


def _truth(simulation: Simulation) -> Columns:
    """Return the columns that describe the sources themselves."""
    sky, field = simulation.sky, simulation.field
    ra, dec = field.tract.wcs.all_pix2world(sky.x, sky.y, 0)
    number = np.arange(len(sky), dtype=np.int64)
    star = sky.kind == STAR
    cell = healpix_cell(ra, dec)
    columns: Columns = {
        "id": np.where(
            star,
            [f"MS_{hp}_{n}" for hp, n in zip(cell, number, strict=True)],
            number.astype(str),
        ),
        "host_galaxy": np.full(len(sky), -1),
        "ra": ra,
        "dec": dec,
        "redshift": sky.redshift.astype(np.float32),
        "is_variable": sky.is_variable.astype(np.int32),
        "is_pointsource": star.astype(np.int32),
        "mag_r": sky.r.astype(np.float32),
        "tract": np.full(len(sky), field.tract.id, dtype=np.int64),
        "patch": patch_names(field, sky.x, sky.y),
        "cosmodc2_hp": np.where(star, -1, cell),
        "cosmodc2_id": np.where(star, -1, number),
        "truth_type": np.where(star, STAR, GALAXY),
    }
    for band in "ugrizy":
        flux = (10 ** (0.4 * (31.4 - sky.magnitude(band)))).astype(np.float32)
        columns[f"flux_{band}"] = flux
        # The simulated sky has no foreground dust.
        columns[f"flux_{band}_noMW"] = flux
    return columns


def healpix_cell(ra: NDArray[np.float64], dec: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return HEALPix cells as numbered in cosmoDC2: ``nside`` 32, ring order.

    Notes
    -----
    Valid only in the equatorial belt (declinations within 41.8 degrees), which contains DC2. After
    Górski et al. (2005, ApJ 622, 759).
    """
    height = _NSIDE * 0.75 * np.sin(np.radians(dec))
    turn = _NSIDE * (0.5 + np.mod(ra, 360) / 90)
    rising = np.floor(turn - height).astype(np.int64)
    falling = np.floor(turn + height).astype(np.int64)
    ring = _NSIDE + 1 + rising - falling
    shift = 1 - ring % 2
    column = (rising + falling - _NSIDE + shift + 1) // 2 % (4 * _NSIDE)
    return 2 * _NSIDE * (_NSIDE - 1) + (ring - 1) * 4 * _NSIDE + column
