"""Figures for notebooks: the routine parts of plotting the sky and its catalogs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import Ellipse
from numpy.typing import NDArray

from firstlight_lab.geometry import Box

if TYPE_CHECKING:
    from astropy.visualization.wcsaxes import WCSAxes

__all__ = ["GALAXY_COLOUR", "STAR_COLOUR", "plot_shape", "plot_sky"]

STAR_COLOUR = "#ffb000"
"""Amber; see `GALAXY_COLOUR`."""
GALAXY_COLOUR = "#5ec8ff"
"""Amber and sky blue: distinguishable with any colour vision, and visible on black and white."""


def plot_sky(axes: WCSAxes, picture: NDArray[np.float64], bbox: Box) -> None:
    """Show a picture on sky axes labelled in right ascension and declination.

    Parameters
    ----------
    axes
        Created with ``projection=wcs``, the world coordinates of the image.
    picture
        ``[y, x, 3]``, as returned by `firstlight_lab.colour.colour_picture`, or ``[y, x]``.
    bbox
        Position of the picture on the image's pixel grid.
    """
    axes.imshow(picture, origin="lower", extent=bbox.extent)
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


def plot_shape(
    axes: WCSAxes, row: Mapping[str, float], *, sigmas: Iterable[float] = (1, 2, 3)
) -> None:
    """Mark an object's position with a cross and its second moments with ellipses.

    Parameters
    ----------
    axes
        Axes whose data coordinates are the tract's pixels, as left by `plot_sky`.
    row
        A row of ``dp01_dc2_catalogs.object`` with ``x``, ``y`` (pixels) and ``Ixx_pixel``,
        ``Iyy_pixel``, ``Ixy_pixel`` (pixels squared).
    sigmas
        Sizes of the ellipses; 1 is the square root of the moments.
    """
    xx, yy, xy = (float(row[f"I{name}_pixel"]) for name in ("xx", "yy", "xy"))
    minor, major = np.sqrt(np.linalg.eigvalsh([[xx, xy], [xy, yy]]))
    angle = np.degrees(0.5 * np.arctan2(2 * xy, xx - yy))
    position = float(row["x"]), float(row["y"])
    axes.plot(*position, marker="+", color="white", markersize=12)
    for sigma in sigmas:
        size = 2 * sigma * major, 2 * sigma * minor
        axes.add_patch(
            Ellipse(
                position, *size, angle=angle, fill=False, edgecolor=GALAXY_COLOUR, linewidth=1.3
            )
        )
