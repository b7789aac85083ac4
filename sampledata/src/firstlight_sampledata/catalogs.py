"""Converts measurements to the catalog tables of DP0.1, with their column names and types.

The tables contain only the columns that the measurements can fill; the loader adds the others as
NULL. Names and types are those of ``dp01_dc2.yaml`` in ``lsst-sdm-schemas``. Where its units
contradict the data that Rubin served, the tables follow the data: fluxes in ``object`` are in nJy
(the file says nmgy; Rubin's notebooks divide them by the truth's nJy) and moments are in pixels
squared. Positions are always in degrees, as ADQL requires.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firstlight_sampledata.field import ZERO_POINT, Field
from firstlight_sampledata.measure import POINT_LIKE, BandFluxes
from firstlight_sampledata.psf import Psf
from firstlight_sampledata.simulate import PIXEL_SCALE, Simulation

__all__ = ["REFERENCE_BAND", "Columns", "measured_tables", "object_ids", "patch_names"]

Array = NDArray[np.float64]
Columns = dict[str, NDArray[np.generic]]
"""The columns of a table, by name."""

REFERENCE_BAND = "i"
"""The band in which shapes are measured; fluxes in the other bands are forced."""

_NANOJANSKY = 10 ** (0.4 * (31.4 - ZERO_POINT))
"""Flux of one count, in nJy."""
_ISOLATED = 0.05
"""An object is clean if its neighbours contribute less than this fraction of the light there."""


def measured_tables(simulation: Simulation) -> dict[str, Columns]:
    """Return the tables that contain measurements, by name."""
    ids, position = object_ids(simulation), _positions(simulation)
    tables = {
        "position": _position(simulation, ids, position),
        "reference": _reference(simulation, ids, position),
        "forced_photometry": _forced_photometry(simulation, ids, position),
        "object": _object(simulation, ids, position),
    }
    order = np.argsort(ids)
    return {
        table: {name: values[order] for name, values in columns.items()}
        for table, columns in tables.items()
    }


def object_ids(simulation: Simulation) -> NDArray[np.int64]:
    """Return the object ids, with tract and patch in the upper bits, as in DC2."""
    tract, measured = simulation.field.tract, simulation.measured
    row, column = np.divmod(tract.patches_at(measured.x, measured.y), tract.sky_map.patches)
    coadd = ((tract.id << 5) + column << 5) + row
    return (coadd << 32) + 1 + np.arange(len(measured), dtype=np.int64)


def patch_names(field: Field, x: Array, y: Array) -> NDArray[np.str_]:
    """Return the name of the patch at each pixel position."""
    names = [field.tract.patch(number).name for number in range(field.tract.sky_map.patches**2)]
    return np.array(names)[field.tract.patches_at(x, y)]


def _positions(simulation: Simulation) -> tuple[Array, Array]:
    """Return right ascensions and declinations, degrees."""
    measured = simulation.measured
    ra, dec = simulation.field.tract.wcs.all_pix2world(measured.x, measured.y, 0)
    return ra, dec


def _position(
    simulation: Simulation, ids: NDArray[np.int64], position: tuple[Array, Array]
) -> Columns:
    measured = simulation.measured
    everywhere = np.ones(len(measured), dtype=bool)
    columns: Columns = {
        "objectId": ids,
        "coord_ra": position[0],
        "coord_dec": position[1],
        # Nothing is deblended: each peak is a separate object.
        "parent": np.zeros(len(measured), dtype=np.int64),
        "deblend_nChild": np.zeros(len(measured), dtype=np.int32),
        # Each object is listed once, under the patch in whose inner region it is.
        "detect_isPrimary": everywhere,
        "detect_isPatchInner": everywhere,
        "detect_isTractInner": everywhere,
        "extinction_bv": np.zeros(len(measured)),
    }
    for band, found in measured.detected.items():
        columns[f"merge_footprint_{band}"] = found
        columns[f"merge_peak_{band}"] = found
        columns[f"merge_measurement_{band}"] = everywhere & (band == REFERENCE_BAND)
    return columns


def _reference(
    simulation: Simulation, ids: NDArray[np.int64], position: tuple[Array, Array]
) -> Columns:
    measured = simulation.measured
    columns = {
        "objectId": ids,
        "coord_ra": position[0],
        "coord_dec": position[1],
        "good": _good(simulation),
    }
    columns.update(_in_band(simulation, REFERENCE_BAND))
    columns.update(
        {
            "base_SdssShape_xx": measured.xx,
            "base_SdssShape_yy": measured.yy,
            "base_SdssShape_xy": measured.xy,
            "base_SdssShape_x": measured.x,
            "base_SdssShape_y": measured.y,
            "base_SdssShape_flag": measured.shape_flag,
            "base_Blendedness_abs": measured.blended,
            "base_Blendedness_flag": np.zeros(len(measured), dtype=bool),
        }
    )
    return columns


def _forced_photometry(
    simulation: Simulation, ids: NDArray[np.int64], position: tuple[Array, Array]
) -> Columns:
    columns: Columns = {"objectId": ids, "coord_ra": position[0], "coord_dec": position[1]}
    for band, fluxes in simulation.measured.bands.items():
        columns.update(
            {f"{band}_{name}": values for name, values in _in_band(simulation, band).items()}
        )
        columns[f"{band}_good"] = _good(simulation)
        columns[f"{band}_base_Variance_value"] = fluxes.variance
    return columns


def _in_band(simulation: Simulation, band: str) -> Columns:
    """Return the columns that ``reference`` has once and ``forced_photometry`` once per band."""
    measured = simulation.measured
    fluxes = measured.bands[band]
    count, unflagged = len(measured), np.zeros(len(measured), dtype=bool)
    return {
        "base_SdssCentroid_x": measured.x,
        "base_SdssCentroid_y": measured.y,
        "base_SdssCentroid_xErr": measured.xy_err,
        "base_SdssCentroid_yErr": measured.xy_err,
        "base_SdssCentroid_flag": unflagged,
        "base_SdssShape_psf_xx": np.full(count, fluxes.psf_moment),
        "base_SdssShape_psf_yy": np.full(count, fluxes.psf_moment),
        "base_SdssShape_psf_xy": np.zeros(count),
        "base_PsfFlux_instFlux": fluxes.psf,
        "base_PsfFlux_instFluxErr": fluxes.psf_err,
        "base_PsfFlux_area": np.full(count, _psf(simulation, band).effective_area),
        "base_PsfFlux_flag": unflagged,
        "base_PsfFlux_flag_edge": measured.edge,
        "modelfit_CModel_instFlux": fluxes.model,
        "modelfit_CModel_instFluxErr": fluxes.model_err,
        "modelfit_CModel_flag": measured.shape_flag,
        "base_ClassificationExtendedness_value": _extendedness(fluxes, measured.shape_flag),
        "base_ClassificationExtendedness_flag": measured.shape_flag,
        "base_PixelFlags_flag": unflagged,
        "base_PixelFlags_flag_edge": measured.edge,
        "base_PixelFlags_flag_offimage": unflagged,
    }


def _object(
    simulation: Simulation, ids: NDArray[np.int64], position: tuple[Array, Array]
) -> Columns:
    measured, field = simulation.measured, simulation.field
    count, good = len(measured), _good(simulation)
    reference = measured.bands[REFERENCE_BAND]
    columns: Columns = {
        "objectId": ids,
        "parentObjectId": np.zeros(count, dtype=np.int64),
        "ra": position[0],
        "dec": position[1],
        "tract": np.full(count, field.tract.id, dtype=np.int64),
        "patch": patch_names(field, measured.x, measured.y),
        "x": measured.x,
        "y": measured.y,
        "xErr": measured.xy_err.astype(np.float32),
        "yErr": measured.xy_err.astype(np.float32),
        "xy_flag": np.zeros(count, dtype=bool),
        "extendedness": _extendedness(reference, measured.shape_flag),
        "blendedness": measured.blended,
        "I_flag": measured.shape_flag,
        "good": good,
        "clean": good & (measured.blended < _ISOLATED),
    }
    for suffix in ("", f"_{REFERENCE_BAND}"):
        columns[f"Ixx_pixel{suffix}"] = measured.xx
        columns[f"Iyy_pixel{suffix}"] = measured.yy
        columns[f"Ixy_pixel{suffix}"] = measured.xy
    columns.update(_psf_columns("", reference, count))
    columns[f"I_flag_{REFERENCE_BAND}"] = measured.shape_flag
    for band, fluxes in measured.bands.items():
        columns.update(_psf_columns(f"_{band}", fluxes, count))
        fwhm = _psf(simulation, band).fwhm * PIXEL_SCALE
        columns[f"psf_fwhm_{band}"] = np.full(count, fwhm)
        columns.update(_photometry(band, fluxes, measured.shape_flag))
    return columns


def _photometry(band: str, fluxes: BandFluxes, flag: NDArray[np.bool_]) -> Columns:
    """Return the fluxes (nJy) and AB magnitudes in a band."""
    psf, psf_err = fluxes.psf * _NANOJANSKY, fluxes.psf_err * _NANOJANSKY
    model, model_err = fluxes.model * _NANOJANSKY, fluxes.model_err * _NANOJANSKY
    return {
        f"psFlux_{band}": psf,
        f"psFluxErr_{band}": psf_err,
        f"psFlux_flag_{band}": np.zeros(len(psf), dtype=bool),
        f"mag_{band}": _magnitude(psf),
        f"magerr_{band}": _magnitude_error(psf, psf_err),
        f"cModelFlux_{band}": model,
        f"cModelFluxErr_{band}": model_err,
        f"cModelFlux_flag_{band}": flag,
        f"mag_{band}_cModel": _magnitude(model),
        f"magerr_{band}_cModel": _magnitude_error(model, model_err),
        f"snr_{band}_cModel": model / model_err,
    }


def _psf_columns(suffix: str, fluxes: BandFluxes, count: int) -> Columns:
    round_psf = np.full(count, fluxes.psf_moment)
    return {
        f"IxxPSF_pixel{suffix}": round_psf,
        f"IyyPSF_pixel{suffix}": round_psf,
        f"IxyPSF_pixel{suffix}": np.zeros(count),
    }


def _psf(simulation: Simulation, band: str) -> Psf:
    return Psf(simulation.coadds[band].psf_fwhm)


def _good(simulation: Simulation) -> NDArray[np.bool_]:
    return ~simulation.measured.edge


def _extendedness(fluxes: BandFluxes, flag: NDArray[np.bool_]) -> Array:
    """Return 0 for stars, 1 for galaxies, and NaN (NULL) for objects without a measured shape."""
    value = np.where(fluxes.psf < POINT_LIKE * fluxes.model, 1.0, 0.0)
    return np.where(flag, np.nan, value)


def _magnitude(flux: Array) -> Array:
    """Convert fluxes in nJy to AB magnitudes, with NaN (NULL) where the flux is not positive."""
    return 31.4 - 2.5 * np.log10(np.where(flux > 0, flux, np.nan))


def _magnitude_error(flux: Array, error: Array) -> Array:
    return 2.5 / np.log(10) * error / np.where(flux > 0, flux, np.nan)
