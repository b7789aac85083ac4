"""Figures for notebooks: the dull parts of showing the sky and what a catalog says of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib.patches import Ellipse
from numpy.typing import NDArray

from firstlight_lab.geometry import Box

__all__ = ["GALAXY_COLOUR", "STAR_COLOUR", "plot_shape", "plot_sky"]

STAR_COLOUR = "#ffb000"
GALAXY_COLOUR = "#5ec8ff"
"""Amber and sky blue: told apart with any colour vision, and seen on black and on white."""


def plot_sky(axes: Any, picture: NDArray[np.float64], bbox: Box) -> None:
    """Show a picture on sky axes, labelled in right ascension and declination.

    Parameters
    ----------
    axes : `astropy.visualization.wcsaxes.WCSAxes`
        Made with ``projection=wcs``, the image's own world coordinates.
    picture
        ``[y, x, 3]``, as from `firstlight_lab.colour.colour_picture`, or ``[y, x]``.
    bbox
        Where the picture lies on the image's pixel grid.
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


def plot_shape(axes: Any, row: Mapping[str, Any], *, sigmas: Iterable[float] = (1, 2, 3)) -> None:
    """Mark an object's position by a cross and its second moments by ellipses.

    Parameters
    ----------
    axes
        Its data coordinates are the tract's pixels, as `plot_sky` leaves them.
    row
        A row of ``dp01_dc2_catalogs.object`` with ``x``, ``y`` (pixels) and ``Ixx_pixel``,
        ``Iyy_pixel``, ``Ixy_pixel`` (pixels squared).
    sigmas
        Sizes of the ellipses; 1 is the root of the moments.
    """
    xx, yy, xy = (float(row[f"I{name}_pixel"]) for name in ("xx", "yy", "xy"))
    minor, major = np.sqrt(np.linalg.eigvalsh([[xx, xy], [xy, yy]]))
    angle = np.degrees(0.5 * np.arctan2(2 * xy, xx - yy))
    place = float(row["x"]), float(row["y"])
    axes.plot(*place, marker="+", color="white", markersize=12)
    for sigma in sigmas:
        size = 2 * sigma * major, 2 * sigma * minor
        axes.add_patch(
            Ellipse(place, *size, angle=angle, fill=False, edgecolor=GALAXY_COLOUR, linewidth=1.3)
        )
