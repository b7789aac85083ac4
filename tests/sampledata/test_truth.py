from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from firstlight_sampledata.field import Field
from firstlight_sampledata.truth import GALAXY, STAR, Sky, make_sky

FIELD = Field.small()


@pytest.fixture(scope="module")
def sky() -> Sky:
    return make_sky(FIELD, np.random.default_rng(5))


def test_the_same_seed_gives_the_same_sky(sky: Sky) -> None:
    again = make_sky(FIELD, np.random.default_rng(5))
    other = make_sky(FIELD, np.random.default_rng(6))

    for column in fields(Sky):
        assert np.array_equal(getattr(sky, column.name), getattr(again, column.name)), column.name
    assert not np.array_equal(sky.x, other.x)


def test_fainter_galaxies_are_more(sky: Sky) -> None:
    """Number counts grow by a factor of about 10^0.31 per magnitude."""
    magnitudes = sky.i[sky.kind == GALAXY]
    counts = [((magnitudes > m) & (magnitudes < m + 1)).sum() for m in (24, 25, 26)]

    assert counts[2] / counts[0] == pytest.approx(10 ** (0.31 * 2), rel=0.35)


def test_stars_lie_on_a_narrow_locus(sky: Sky) -> None:
    star = sky.kind == STAR
    g_r, r_i = (sky.g - sky.r)[star], (sky.r - sky.i)[star]
    blue = g_r < 1.2

    slope, start = np.polyfit(g_r[blue], r_i[blue], 1)

    assert (r_i[blue] - slope * g_r[blue] - start).std() < 0.05
    assert r_i[~blue].max() > 1.0


def test_stars_have_no_size_and_no_redshift(sky: Sky) -> None:
    star = sky.kind == STAR

    assert star.sum() == FIELD.stars
    assert not sky.disc[star].any()
    assert not sky.redshift[star].any()
    assert (sky.redshift[~star] > 0).all()
