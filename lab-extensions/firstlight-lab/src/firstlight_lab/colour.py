"""Colour pictures from three bands."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["colour_picture"]

_BALANCE = (0.78, 1.0, 1.42)
"""Weights of i, r and g with which a galaxy like ours is about white."""
_SATURATION = 0.88


def colour_picture(
    red: Any, green: Any, blue: Any, *, white: float = 30.0, softening: float = 140.0
) -> NDArray[np.float64]:
    """Return a colour picture of three bands, from the reddest to the bluest.

    Parameters
    ----------
    red, green, blue
        Pixels, ``[y, x]``, in counts of a common zero point; the usual choice is i, r, g.
    white
        Counts at which a pixel is as bright as can be; brighter ones keep their colour.
    softening
        How much is done for what is faint: the ratio of ``white`` to the counts where the
        scale turns from linear to logarithmic.

    Returns
    -------
    numpy.ndarray
        Values from 0 to 1, ``[y, x, 3]``, for ``imshow(origin="lower")``.

    Notes
    -----
    After Lupton et al. (2004, PASP 116, 133): the brightness goes through an inverse hyperbolic
    sine, the ratios of the bands stay, so that colours mean the same in core and wing.
    """
    bands = np.stack(
        [
            weight * np.asarray(band, dtype=np.float64)
            for weight, band in zip(_BALANCE, (red, green, blue), strict=True)
        ],
        axis=-1,
    )
    intensity = np.clip(bands.mean(axis=-1, keepdims=True), 1e-9, None)
    scale = np.arcsinh(softening * intensity / white) / np.arcsinh(softening) / intensity
    colour = intensity + _SATURATION * (np.clip(bands, 0, None) - intensity)
    colour = np.clip(colour * scale, 0, None)
    picture: NDArray[np.float64] = colour / np.maximum(colour.max(axis=-1, keepdims=True), 1)
    return picture
