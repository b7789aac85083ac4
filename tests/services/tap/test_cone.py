from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firstlight_services.tap.engines import Engine
from firstlight_services.tap.models import Catalog
from tests.services.tap.conftest import assert_neither_in_nor_out, found

_EDGE = 1e-9


def separation(ra: Any, dec: Any, ra0: float, dec0: float) -> Any:
    """Degrees, by vectors: another way than the SQL's."""

    def vector(lon: Any, lat: Any) -> Any:
        lon, lat = np.radians(lon), np.radians(lat)
        return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], -1)

    a, b = vector(ra, dec), vector(ra0, dec0)
    return np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), (a * b).sum(-1)))


def check(
    cone: tuple[float, float, float], catalog: Catalog, engine: Engine, objects: dict[str, Any]
) -> None:
    ra0, dec0, radius = cone
    apart = separation(objects["ra"], objects["dec"], ra0, dec0)
    surely = set(objects["objectId"][apart < radius - _EDGE].tolist())
    perhaps = set(objects["objectId"][apart <= radius + _EDGE].tolist())
    circle = f"CIRCLE('ICRS', {ra0!r}, {dec0!r}, {radius!r})"
    ways = [
        f"CONTAINS(POINT('ICRS', ra, dec), {circle}) = 1",
        f"1 = INTERSECTS({circle}, POINT(ra, dec))",
        f"DISTANCE(POINT(ra, dec), POINT({ra0!r}, {dec0!r})) <= {radius!r}",
        f"CONTAINS(POINT(ra + 0, dec), {circle}) = 1",
    ]
    for way in ways:
        got = found(way, catalog, engine)
        assert surely <= got <= perhaps, way


@pytest.mark.parametrize(
    "cone",
    [
        (62.0, -37.0, 0.05),
        (62.0, -37.0, 0.2),
        (0.0, 0.0, 0.3),
        (360.0, 0.0, 0.3),
        (359.9, 0.1, 0.3),
        (0.2, -0.2, 0.3),
        (-0.2, 0.2, 0.25),
        (722.0, -37.0, 0.2),
        (10.0, 90.0, 0.5),
        (200.0, -90.0, 0.5),
        (120.0, 89.7, 0.2),
        (120.0, 89.7, 0.31),
        (300.0, -89.4, 0.59),
        (62.0, -37.0, 0.0),
        (62.0, -37.0, 60.0),
        (62.0, -37.0, 120.0),
        (62.0, -37.0, 180.0),
    ],
)
def test_cones_find_what_brute_force_finds(
    cone: tuple[float, float, float], catalog: Catalog, engine: Engine, objects: dict[str, Any]
) -> None:
    check(cone, catalog, engine, objects)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from([(62.0, -37.0), (0.0, 0.0), (180.0, 89.5), (20.0, -89.5)]),
    st.floats(-0.5, 0.5),
    st.floats(-0.5, 0.5),
    st.floats(0, 1.5),
)
def test_any_cone_finds_what_brute_force_finds(
    catalog: Catalog,
    engine: Engine,
    objects: dict[str, Any],
    center: tuple[float, float],
    east: float,
    north: float,
    radius: float,
) -> None:
    check((center[0] + east, center[1] + north, radius), catalog, engine, objects)


def test_a_point_on_the_cones_centre_is_in_it(
    catalog: Catalog, engine: Engine, objects: dict[str, Any]
) -> None:
    ra, dec = float(objects["ra"][7]), float(objects["dec"][7])
    got = found(f"CONTAINS(POINT(ra, dec), CIRCLE({ra!r}, {dec!r}, 0)) = 1", catalog, engine)
    assert got == {int(objects["objectId"][7])}


def test_a_cone_and_its_outside_are_everything(catalog: Catalog, engine: Engine) -> None:
    cone = "CONTAINS(POINT(ra, dec), CIRCLE(62, -37, 0.2))"
    inside = found(f"{cone} = 1", catalog, engine)
    outside = found(f"{cone} = 0", catalog, engine)
    assert not inside & outside
    assert len(inside | outside) == 600


def test_cones_of_columns_match_catalogs(catalog: Catalog, engine: Engine) -> None:
    matched = "EXISTS (SELECT 1 FROM truth_match t WHERE CONTAINS(POINT(object.ra, object.dec), CIRCLE(t.ra, t.dec, 0.0000001)) = 1)"
    assert len(found(matched, catalog, engine)) == 200


def test_cones_whose_radius_is_a_column(catalog: Catalog, engine: Engine) -> None:
    cone = "CONTAINS(POINT(ra, dec), CIRCLE(62, -37, tract - 1000))"
    assert found(f"{cone} = 1", catalog, engine) == set()
    assert len(found(f"{cone} = 0", catalog, engine)) == 600
    assert (
        len(found("CONTAINS(POINT(ra, dec), CIRCLE(62, -37, tract + 180)) = 1", catalog, engine))
        == 600
    )


@pytest.mark.parametrize("point", ["POINT(mag_g, dec)", "POINT(ra, mag_g)"])
@pytest.mark.parametrize("declination", [20, -37])
def test_a_point_without_coordinates_is_neither_in_nor_out(
    catalog: Catalog, engine: Engine, point: str, declination: int
) -> None:
    cone = f"CONTAINS({point}, CIRCLE(62, {declination}, 0.2))"
    assert_neither_in_nor_out(cone, catalog, engine)


def test_several_cones_are_united(catalog: Catalog, engine: Engine) -> None:
    cones = [f"CONTAINS(POINT(ra, dec), CIRCLE({at}, 0.2)) = 1" for at in ("62, -37", "0, 0")]
    one, other = (found(cone, catalog, engine) for cone in cones)
    assert found(" OR ".join(cones), catalog, engine) == one | other
    assert found(" AND ".join(cones), catalog, engine) == set()
    assert found(f"NOT ({cones[0]} OR tract < 10)", catalog, engine).isdisjoint(one)
