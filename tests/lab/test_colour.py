from __future__ import annotations

import numpy as np
import pytest

from firstlight_lab.colour import colour_picture


def test_values_are_what_imshow_takes() -> None:
    rng = np.random.default_rng(1)
    bands = rng.normal(0, 1, (3, 20, 30)) * np.geomspace(0.1, 1e4, 30)

    picture = colour_picture(*bands)

    assert picture.shape == (20, 30, 3)
    assert picture.min() >= 0
    assert picture.max() <= 1


def test_an_empty_sky_is_black() -> None:
    assert colour_picture(*np.zeros((3, 4, 4))).max() < 1e-6


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_a_band_alone_gives_its_own_colour(channel: int) -> None:
    bands = np.full((3, 1, 1), 1e-6)
    bands[channel] = 5.0

    assert colour_picture(*bands)[0, 0].argmax() == channel


def test_what_is_brighter_looks_brighter_until_white() -> None:
    row = np.geomspace(0.01, 30, 40)[None, :]

    brightness = colour_picture(row, row, row).sum(-1)[0]

    assert (np.diff(brightness) > -1e-12).all()
    assert brightness[-1] > 5 * brightness[0]


def test_a_saturated_pixel_keeps_its_colour() -> None:
    yellow = colour_picture(
        np.full((1, 1), 9000.0), np.full((1, 1), 5000.0), np.full((1, 1), 900.0)
    )

    assert yellow[0, 0, 0] == 1
    assert yellow[0, 0, 0] > yellow[0, 0, 1] > yellow[0, 0, 2]
