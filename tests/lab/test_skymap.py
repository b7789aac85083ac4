from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
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


@pytest.mark.parametrize(
    ("position", "tract", "patch"),
    [
        # As published in tutorials of Data Preview 0.2 for the same sky map.
        ((62.0, -37.0), 3831, 10),
        ((55.7467, -32.2862), 4431, 17),
        ((56.65, -36.4463), 3828, 24),
    ],
)
def test_positions_in_public_tutorials_have_the_numbers_published_there(
    position: tuple[float, float], tract: int, patch: int
) -> None:
    coord = SkyCoord(*position, unit="deg")
    found = DC2.findTract(coord)

    assert (found.getId(), found.findPatch(coord).getSequentialIndex()) == (tract, patch)
    assert DC2.findTractIdArray(*np.radians(position)) == [tract]


def test_two_patches_overlap_at_the_tutorials_position_as_published() -> None:
    """There are 12 coadds in six bands."""
    tract = DC2.tract(3831)
    x, y = tract.wcs.all_world2pix(62.0, -37.0, 0)
    outer = [tract.patch(number).outer for number in range(49)]

    over = [n for n, box in enumerate(outer) if box.x0 <= x < box.x1 and box.y0 <= y < box.y1]

    assert over == [3, 10]


def test_the_reference_pixel_is_at_the_tracts_centre() -> None:
    wcs = DC2.tract(3831).wcs.wcs

    assert wcs.crval.tolist() == [DC2.tract(3831).ra, DC2.tract(3831).dec]
    assert wcs.crpix.tolist() == [14000, 14000]


@given(st.lists(st.tuples(st.floats(-400, 800), st.floats(-90, 90)), min_size=1))
def test_every_position_is_on_the_tract_that_is_found(sky: list[tuple[float, float]]) -> None:
    ra, dec = np.array(sky).T

    numbers = DC2.find_tracts(ra, dec)

    for number, position in zip(numbers, sky, strict=True):
        assert DC2.find_tract(*position).id == number
        assert DC2.tract(int(number)).find_patches(*position) >= 0


def test_arrays_of_positions_are_found_in_one_call() -> None:
    tract = DC2.tract(3831)

    assert DC2.find_tracts([62.0, 62.0, 10.0], [-37.0, -90.0, 90.0]).tolist() == [
        3831,
        0,
        len(DC2) - 1,
    ]
    assert tract.find_patches([62.0, 62.13, 242.13], [-37.0, -36.45, 36.45]).tolist() == [
        10,
        24,
        -1,
    ]


@given(st.integers(0, len(DC2) - 1))
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


@pytest.mark.parametrize("number", [-1, len(DC2)])
def test_a_tract_that_is_not_there_is_named(number: int) -> None:
    with pytest.raises(LookupError, match=f"no tract {number}"):
        DC2.tract(number)


def test_a_patch_that_is_not_there_is_named() -> None:
    with pytest.raises(LookupError, match="no patch 49"):
        DC2.tract(3831).patch(49)


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
