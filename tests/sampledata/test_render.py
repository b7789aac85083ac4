from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from firstlight_lab.geometry import Box
from firstlight_lab.skymap import tangent_wcs
from firstlight_sampledata.field import BANDS, ZERO_POINT, Field
from firstlight_sampledata.psf import Psf
from firstlight_sampledata.render import Painting, draw, expose, noise_of
from firstlight_sampledata.truth import GALAXY, Sky, make_sky

FIELD = Field.small()
TRACT = FIELD.tract
SIDE = 201


@pytest.fixture(scope="module")
def galaxy() -> Sky:
    """Return a sky with one elongated disc at the centre of the tract."""
    one = make_sky(FIELD, np.random.default_rng(1))
    row = {column.name: getattr(one, column.name)[:1].copy() for column in fields(Sky)}
    middle = TRACT.wcs.all_world2pix(TRACT.ra, TRACT.dec, 0)
    row["x"][:], row["y"][:] = middle
    row["kind"][:], row["painted"][:] = GALAXY, -1
    row["fraction"][:], row["disc"][:] = 0.0, 2.0
    row["axis_ratio"][:], row["angle"][:], row["r"][:] = 0.25, 0.5, 20.0
    return Sky(**row)


@pytest.mark.parametrize("turn", [0.0, 31.0, 90.0, 200.0])
def test_a_galaxy_points_the_same_way_on_the_sky_however_the_camera_is_turned(
    galaxy: Sky, turn: float
) -> None:
    straight = Painting(Box(int(galaxy.x[0]) - 100, int(galaxy.y[0]) - 100, SIDE, SIDE), TRACT.wcs)
    wcs = tangent_wcs(TRACT.ra, TRACT.dec, 100, 100, 0.2, angle=turn)
    turned = Painting(Box(0, 0, SIDE, SIDE), wcs, turn)

    angles = [position_angle(galaxy, painting) for painting in (straight, turned)]

    assert (angles[1] - angles[0] + 90) % 180 - 90 == pytest.approx(0, abs=1)


def position_angle(galaxy: Sky, painting: Painting) -> float:
    """Return the position angle of a galaxy's major axis, in degrees from north to east."""
    image = draw(galaxy, painting, TRACT.wcs, ("r",))["r"]
    y, x = np.indices(image.shape)
    x0, y0 = (image * x).sum() / image.sum(), (image * y).sum() / image.sum()
    xx, yy, xy = (
        (image * value).sum() for value in ((x - x0) ** 2, (y - y0) ** 2, (x - x0) * (y - y0))
    )
    along = 0.5 * np.arctan2(2 * xy, xx - yy)
    middle = painting.wcs.all_world2pix(TRACT.ra, TRACT.dec, 0)
    ra, dec = painting.wcs.all_pix2world(
        middle[0] + 5 * np.cos(along), middle[1] + 5 * np.sin(along), 0
    )
    east = (ra - TRACT.ra) * np.cos(np.radians(TRACT.dec))
    return float(np.degrees(np.arctan2(east, dec - TRACT.dec)))


def test_all_of_a_sources_light_is_drawn(galaxy: Sky) -> None:
    painting = Painting(Box(int(galaxy.x[0]) - 100, int(galaxy.y[0]) - 100, SIDE, SIDE), TRACT.wcs)

    total = draw(galaxy, painting, TRACT.wcs, ("r",))["r"].sum()

    assert total == pytest.approx(10 ** (0.4 * (ZERO_POINT - 20.0)), rel=0.01)


def test_noise_makes_a_point_source_at_the_depth_five_sigma() -> None:
    psf = Psf(3.9)
    offsets = np.arange(-30, 31)
    shape = psf.at((offsets[:, None] ** 2 + offsets[None, :] ** 2).astype(float))

    error = noise_of(26.0, psf) / np.sqrt((shape**2).sum())

    assert 10 ** (0.4 * (ZERO_POINT - 26.0)) / error == pytest.approx(5, rel=0.01)


def test_an_empty_sky_is_noise_of_the_stated_variance() -> None:
    painting = Painting(Box(0, 0, 150, 150), TRACT.wcs)
    canvas = np.zeros((150 + 144, 150 + 144))

    seen = expose(canvas, painting, BANDS[0], Psf(4.2), 26.0, np.random.default_rng(2))

    assert seen.image.array.mean() == pytest.approx(0, abs=0.02 * float(seen.image.array.std()))
    assert (seen.image.array**2).mean() / seen.variance.array.mean() == pytest.approx(1, abs=0.04)
