"""Figures for notebooks: a picture of the sky with its coordinates, objects on it, their colours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from firstlight_lab.geometry import Box

__all__ = ["GALAXY_COLOUR", "STAR_COLOUR", "plot_colours", "plot_objects", "plot_sky"]

STAR_COLOUR = "#ffb000"
GALAXY_COLOUR = "#5ec8ff"
_PAPER = "#f6f7f9"


def plot_sky(axes: Any, picture: NDArray[np.float64], bbox: Box) -> None:
    """Show a picture on sky axes, labelled in right ascension and declination.

    Parameters
    ----------
    axes : `astropy.visualization.wcsaxes.WCSAxes`
        Made with ``projection=wcs``, the image's own world coordinates.
    picture
        ``[y, x, 3]``, as from `firstlight_lab.colour.colour_picture`.
    bbox
        Where the picture lies on the image's pixel grid.
    """
    axes.imshow(picture, origin="lower", extent=bbox.extent, interpolation="nearest")
    axes.set_xlim(*bbox.extent[:2])
    axes.set_ylim(*bbox.extent[2:])
    for coordinate, label, form in (
        (axes.coords[0], "Right ascension (ICRS)", "hh:mm:ss"),
        (axes.coords[1], "Declination (ICRS)", "dd:mm:ss"),
    ):
        coordinate.set_axislabel(label)
        coordinate.set_major_formatter(form)
        coordinate.set_ticks(number=5)
        coordinate.display_minor_ticks(True)
        coordinate.tick_params(color="white", direction="in", labelcolor="black", labelsize=9)


def plot_objects(axes: Any, table: Any, *, limit: float = 23.0) -> None:
    """Mark catalog objects on sky axes: stars by diamonds, galaxies by circles.

    Parameters
    ----------
    table
        Has ``ra``, ``dec`` (degrees), ``mag_i`` and ``extendedness``.
    limit
        Faintest magnitude in i that is marked, lest marks hide the sky.
    """
    ra, dec, mag_i, extended = (_values(table, n) for n in ("ra", "dec", "mag_i", "extendedness"))
    size = 14 * np.clip(limit + 1 - mag_i, 1, 6) ** 1.25
    for kind, label, colour, marker in (
        (extended == 0, "stars", STAR_COLOUR, "D"),
        (extended == 1, "galaxies", GALAXY_COLOUR, "o"),
    ):
        shown = kind & (mag_i < limit)
        axes.scatter(
            ra[shown],
            dec[shown],
            s=size[shown],
            transform=axes.get_transform("world"),
            marker=marker,
            facecolors="none",
            edgecolors=colour,
            linewidths=0.8,
            alpha=0.95,
            label=f"{label} ({shown.sum()})",
        )
    axes.legend(
        title=f"brighter than i = {limit:g}",
        loc="upper right",
        facecolor="black",
        framealpha=0.7,
        edgecolor="none",
        labelcolor="white",
        markerscale=0.8,
    ).get_title().set_color("white")


def plot_colours(axes: Any, table: Any, *, limit: float = 24.0) -> None:
    """Plot g − r against r − i: stars lie on a narrow locus, galaxies do not.

    Parameters
    ----------
    table
        Has ``mag_g``, ``mag_r``, ``mag_i`` and ``extendedness``.
    limit
        Faintest magnitude in i.
    """
    g, r, i, extended = (_values(table, n) for n in ("mag_g", "mag_r", "mag_i", "extendedness"))
    for kind, label, colour, edge, marker, size in (
        (extended == 1, "galaxies", GALAXY_COLOUR, "#2f86b8", "o", 16),
        (extended == 0, "stars", STAR_COLOUR, "#8a5a00", "D", 22),
    ):
        shown = kind & (i < limit)
        axes.scatter(
            (g - r)[shown],
            (r - i)[shown],
            s=size,
            marker=marker,
            color=colour,
            edgecolors=edge,
            linewidths=0.5,
            alpha=0.8,
            label=label,
        )
    axes.set(
        xlim=(-0.7, 2.2),
        ylim=(-0.6, 2.0),
        xlabel="g − r  (mag)",
        ylabel="r − i  (mag)",
        title=f"Colours of what is brighter than i = {limit:g}",
        facecolor=_PAPER,
    )
    axes.grid(color="white", linewidth=1.2)
    axes.set_axisbelow(True)
    axes.legend(loc="upper left", frameon=False)


def _values(table: Any, name: str) -> NDArray[np.float64]:
    """Return a column as numbers; NaN where it is NULL."""
    return np.ma.filled(np.ma.asarray(table[name], dtype=float), np.nan)
