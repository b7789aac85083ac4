"""Colour pictures made from images in three bands."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["colour_picture"]

_BALANCE = (0.78, 1.0, 1.42)
"""Weights of i, r and g that make a galaxy like ours appear roughly white."""
_SATURATION = 0.88


def colour_picture(
    red: ArrayLike,
    green: ArrayLike,
    blue: ArrayLike,
    *,
    white: float = 30.0,
    softening: float = 140.0,
) -> NDArray[np.float64]:
    """Combine three bands, from the reddest to the bluest, into a colour picture.

    Parameters
    ----------
    red, green, blue
        Pixels, ``[y, x]``, in counts with a common zero point; the usual choice is i, r, g.
    white
        Counts at which a pixel reaches full brightness; brighter pixels keep their colour.
    softening
        How strongly faint features are enhanced: the ratio of ``white`` to the counts at which
        the scale changes from linear to logarithmic.

    Returns
    -------
    numpy.ndarray
        Values between 0 and 1, ``[y, x, 3]``, for ``imshow(origin="lower")``.

    Notes
    -----
    After Lupton et al. (2004, PASP 116, 133): the brightness is scaled by an inverse hyperbolic
    sine and the ratios between bands are preserved, so colours mean the same in the core of an
    object and in its wings.
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
