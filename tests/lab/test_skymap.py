from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight_lab.skymap import SkyMap, tangent_wcs

DC2 = SkyMap()


def test_tract_3828_is_where_data_challenge_2_has_it() -> None:
    """The centre of its patch 24, as in DESC's configuration of a discrete sky map."""
    tract = DC2.tract(3828)
    inner = tract.patch(24).inner
    middle = tract.wcs.all_pix2world(inner.x0 + 1999.5, inner.y0 + 1999.5, 0)

    assert [float(v) for v in middle] == pytest.approx(
        [56.64971166122064, -36.44625321399528], abs=1e-8
    )


@given(st.integers(1, sum(DC2.ring_sizes)))
def test_the_middle_of_a_tract_is_found_on_that_tract(number: int) -> None:
    tract = DC2.tract(number)

    assert DC2.find_tract(tract.ra, tract.dec).id == number


@given(st.integers(0, 48))
def test_the_middle_of_a_patch_is_found_on_that_patch(number: int) -> None:
    tract = DC2.tract(3828)
    inner = tract.patch(number).inner
    ra, dec = tract.wcs.all_pix2world(inner.x0 + inner.width / 2, inner.y0 + inner.height / 2, 0)

    assert tract.find_patch(float(ra), float(dec)).id == number


def test_patches_overlap_by_their_borders_and_end_at_the_tracts_edge() -> None:
    tract = DC2.tract(3828)
    corner, middle, right = (tract.patch(number) for number in (0, 24, 25))

    assert middle.name == "3,3"
    assert middle.outer.x1 - right.outer.x0 == 200
    assert corner.outer[:2] == (0, 0)
    assert corner.outer.width == 4100


@pytest.mark.parametrize("number", [0, sum(DC2.ring_sizes) + 1])
def test_a_tract_that_is_not_there_is_named(number: int) -> None:
    with pytest.raises(LookupError, match=f"no tract {number}"):
        DC2.tract(number)


def test_a_position_off_the_tract_is_refused() -> None:
    with pytest.raises(LookupError, match="not on tract 3828"):
        DC2.tract(3828).find_patch(56.65, -38.0)


@given(st.floats(0, 359), st.floats(-60, 60), st.floats(0, 360))
def test_a_projection_has_the_scale_and_turn_it_was_asked_for(
    ra: float, dec: float, angle: float
) -> None:
    wcs = tangent_wcs(ra, dec, 100, 50, 0.2, angle=angle)
    north = wcs.all_world2pix(ra, dec + 0.2 / 3600, 0)

    assert np.hypot(north[0] - 100, north[1] - 50) == pytest.approx(1, abs=1e-4)
    turned = np.degrees(np.arctan2(north[0] - 100, north[1] - 50))
    assert (turned - angle + 180) % 360 - 180 == pytest.approx(0, abs=0.01)


@given(st.floats(-500, 28500), st.floats(-500, 28500))
def test_pixels_and_the_sky_go_there_and_back(x: float, y: float) -> None:
    wcs = DC2.tract(3828).wcs
    back = wcs.all_world2pix(*wcs.all_pix2world(x, y, 0), 0)

    assert [float(v) for v in back] == pytest.approx([x, y], abs=1e-5)
