"""Polygons and boxes find what independent implementations find."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lsst.sphgeom import ConvexPolygon, UnitVector3d

from firstlight_services.tap.adql import parse
from firstlight_services.tap.engines import Engine
from firstlight_services.tap.engines.duckdb.emit import emit
from firstlight_services.tap.errors import QueryError
from firstlight_services.tap.models import Catalog
from firstlight_services.tap.policy import Limits
from firstlight_services.tap.query import resolve
from firstlight_services.tap.query.outline import Outline, outline, rectangle
from firstlight_services.tap.query.size import MOST_VERTICES
from firstlight_services.tap.service import plan
from tests.services.tap.conftest import ask, assert_neither_in_nor_out, comb, found

EDGE = 1e-9
CENTERS = ((62.0, -37.0), (0.0, 0.0), (359.9, 0.1), (180.0, 89.5), (20.0, -89.5), (62.0, 90.0))
ALL = 600
Vertices = list[tuple[float, float]]


def vectors(ra: Any, dec: Any) -> Any:
    lon, lat = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], -1)


def frame(ra: float, dec: float) -> Any:
    """East, north and outward at a position."""
    out = vectors(ra, dec)
    east = np.array([-math.sin(math.radians(ra)), math.cos(math.radians(ra)), 0])
    return np.stack([east, np.cross(out, east), out])


def tangent(center: tuple[float, float], flat: list[tuple[float, float]]) -> Vertices:
    """Return positions in the tangent plane (degrees at its centre) as coordinates."""
    local = np.array([(math.radians(x), math.radians(y), 1) for x, y in flat])
    x, y, z = (local @ frame(*center)).T
    lon, lat = np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y)))
    return [(float(a), float(d)) for a, d in zip(lon, lat, strict=True)]


def wound_around(vertices: Vertices, center: tuple[float, float], ra: Any, dec: Any) -> Any:
    """Return around which positions the vertices go; the polygon is in the centre's hemisphere."""
    corners = np.array([vectors(*one) for one in vertices])
    turned = []
    for one in zip(ra, dec, strict=True):
        x, y, _ = frame(*map(float, one)) @ corners.T
        seen = x + 1j * y
        turned.append(np.angle(np.roll(seen, -1) / seen).sum() / (2 * math.pi))
    # Around the opposite points as well.
    near = vectors(ra, dec) @ vectors(*center) > 0
    return near & (np.abs(np.round(turned)) == 1)


def from_edges(vertices: Vertices, ra: Any, dec: Any) -> Any:
    """Return degrees from each position to the nearest of the edges' great circles."""
    corners = np.array([vectors(*one) for one in vertices])
    normals = np.cross(corners, np.roll(corners, -1, 0))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return np.degrees(np.abs(np.arcsin(vectors(ra, dec) @ normals.T))).min(-1)


def written(vertices: Vertices) -> str:
    return ", ".join(f"{ra!r}, {dec!r}" for ra, dec in vertices)


def check(
    vertices: Vertices, inside: Any, catalog: Catalog, engine: Engine, objects: dict[str, Any]
) -> None:
    """Compare every way to ask for a polygon with what is inside."""
    doubtful = from_edges(vertices, objects["ra"], objects["dec"]) < EDGE
    surely = set(objects["objectId"][inside & ~doubtful].tolist())
    perhaps = set(objects["objectId"][inside | doubtful].tolist())
    polygon = f"POLYGON('ICRS', {written(vertices)})"
    points = ", ".join(f"POINT({ra!r}, {dec!r})" for ra, dec in vertices)
    ways = [
        f"CONTAINS(POINT('ICRS', ra, dec), {polygon}) = 1",
        f"1 = INTERSECTS(POLYGON({points}), POINT(ra, dec))",
        f"CONTAINS(POINT(ra + 0, dec), POLYGON({written(vertices[::-1])})) = 1",
        f"NOT CONTAINS(POINT(ra, dec), {polygon}) = 0",
    ]
    for way in ways:
        got = found(way, catalog, engine)
        assert surely <= got <= perhaps, way
    rest = found(f"CONTAINS(POINT(ra, dec), {polygon}) = 0", catalog, engine)
    assert len(rest) + len(got) == ALL
    assert not rest & got


QUICKLY = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@QUICKLY
@given(
    st.sampled_from(CENTERS),
    st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=3, max_size=12),
    st.floats(0.05, 1.0),
)
def test_any_convex_polygon_finds_what_sphgeom_finds(
    catalog: Catalog,
    engine: Engine,
    objects: dict[str, Any],
    center: tuple[float, float],
    flat: list[tuple[float, float]],
    size: float,
) -> None:
    spread = [(x * size, y * size) for x, y in flat]
    corners = [UnitVector3d(*map(float, vectors(*one))) for one in tangent(center, spread)]
    try:
        hull = ConvexPolygon.convexHull(corners)
    except ValueError:
        return
    at = [(one.x(), one.y(), one.z()) for one in hull.getVertices()]
    vertices = [
        (math.degrees(math.atan2(y, x)), math.degrees(math.atan2(z, math.hypot(x, y))))
        for x, y, z in at
    ]
    shortest = min(math.dist(one, other) for one, other in zip(at, at[1:] + at[:1], strict=True))
    if shortest < 1e-9 or _flat(vertices):
        return
    inside = hull.contains(np.radians(objects["ra"]), np.radians(objects["dec"]))
    check(vertices, inside, catalog, engine, objects)


def _flat(vertices: Vertices) -> bool:
    """Return whether a polygon is so narrow that it is refused."""
    try:
        outline(vertices)
    except QueryError:
        corners = np.array([vectors(*one) for one in vertices])
        return bool(np.linalg.svd(corners)[1][-1] < 1e-9)
    return False


@QUICKLY
@given(
    st.sampled_from(CENTERS),
    st.lists(st.floats(0.1, 1), min_size=4, max_size=16),
    st.floats(0.05, 1.5),
    st.floats(0, 6),
    st.booleans(),
)
def test_any_star_finds_what_the_winding_number_finds(
    catalog: Catalog,
    engine: Engine,
    objects: dict[str, Any],
    center: tuple[float, float],
    radii: list[float],
    size: float,
    turn: float,
    backwards: bool,
) -> None:
    angles = turn + np.arange(len(radii)) / len(radii) * 2 * math.pi
    flat = [
        (size * r * math.cos(a), size * r * math.sin(a)) for r, a in zip(radii, angles, strict=True)
    ]
    vertices = tangent(center, flat[::-1] if backwards else flat)
    inside = wound_around(vertices, center, objects["ra"], objects["dec"])
    check(vertices, inside, catalog, engine, objects)


@QUICKLY
@given(
    st.sampled_from(CENTERS),
    st.lists(st.floats(0.02, 1), min_size=2, max_size=10),
    st.lists(st.floats(0.02, 1), min_size=2, max_size=10),
    st.floats(0.1, 1.5),
)
def test_any_ragged_stripe_finds_what_the_winding_number_finds(
    catalog: Catalog,
    engine: Engine,
    objects: dict[str, Any],
    center: tuple[float, float],
    above: list[float],
    below: list[float],
    size: float,
) -> None:
    top = [(size * (2 * k / (len(above) - 1) - 1), size * y) for k, y in enumerate(above)]
    bottom = [(size * (2 * k / (len(below) - 1) - 1), -size * y) for k, y in enumerate(below)]
    vertices = tangent(center, top + bottom[::-1])
    inside = wound_around(vertices, center, objects["ra"], objects["dec"])
    check(vertices, inside, catalog, engine, objects)


@QUICKLY
@given(
    st.sampled_from(CENTERS),
    st.lists(
        st.tuples(st.integers(-20, 20), st.integers(-20, 20)), min_size=3, max_size=7, unique=True
    ),
)
def test_an_outline_is_refused_if_two_of_its_edges_meet(
    center: tuple[float, float], flat: list[tuple[int, int]]
) -> None:
    vertices = tangent(center, [(x / 10, y / 10) for x, y in flat])
    if _meets_itself(flat):
        with pytest.raises(QueryError, match=r"crosses itself|touches itself"):
            outline(vertices)
    else:
        assert len(outline(vertices).vertices) == len(flat)


def _meets_itself(flat: list[tuple[int, int]]) -> bool:
    """Return whether edges in a plane meet, other than where one follows the other; exactly."""

    def side(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> int:
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    def is_on(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> bool:
        inside = all(min(a[k], b[k]) <= c[k] <= max(a[k], b[k]) for k in (0, 1))
        return inside and side(a, b, c) == 0

    edges = list(zip(flat, flat[1:] + flat[:1], strict=True))
    for a, b in edges:
        if any(is_on(a, b, c) for c in flat if c not in (a, b)):
            return True
        for c, d in edges:
            apart = side(a, b, c) * side(a, b, d), side(c, d, a) * side(c, d, b)
            if len({a, b, c, d}) == 4 and max(apart) < 0:
                return True
    return False


@pytest.mark.parametrize("seed", range(30))
def test_large_polygons_have_what_the_winding_number_says(seed: int) -> None:
    random = np.random.default_rng(seed)
    center = (random.uniform(0, 360), random.uniform(-90, 90))
    count = random.integers(3, 14)
    radii = random.uniform(0.05, 0.99, count) ** 2 * 4000
    angles = np.arange(count) / count * 2 * math.pi
    flat = [(r * math.cos(a), r * math.sin(a)) for r, a in zip(radii, angles, strict=True)]
    vertices = tangent(center, flat)
    shape = outline(vertices)
    ra = random.uniform(0, 360, 1000)
    dec = np.degrees(np.arcsin(random.uniform(-1, 1, 1000)))
    inside = wound_around(vertices, center, ra, dec)
    for one, other, expected in zip(ra, dec, inside, strict=True):
        assert (shape.distance(one, other) == 0) == expected
        if expected:
            within(shape, float(one), float(other))


@pytest.mark.parametrize(
    "vertices",
    [[(0, 0), (179, 1), (270, 40)], [(0, 0), (179.9, 0), (90, 0.1)], [(0, 0), (90, 0), (0, 90)]],
)
def test_wide_triangles_have_what_sphgeom_says(vertices: Vertices) -> None:
    shape = outline(vertices)
    peer = ConvexPolygon([UnitVector3d(*map(float, vectors(*one))) for one in shape.vertices])
    random = np.random.default_rng(9)
    ra = random.uniform(0, 360, 2000)
    dec = np.degrees(np.arcsin(random.uniform(-1, 1, 2000)))
    for one, other, expected in zip(
        ra, dec, peer.contains(np.radians(ra), np.radians(dec)), strict=True
    ):
        assert (shape.distance(one, other) == 0) == expected
        if expected:
            within(shape, float(one), float(other))


def within(shape: Outline, ra: float, dec: float) -> None:
    """Check that a position is within the limits of a polygon."""
    limits = shape.bounds
    assert limits.dec[0] <= dec <= limits.dec[1]
    assert not limits.ra or any(low <= ra <= high for low, high in limits.ra)


def band(width: float, first: int = 0, last: int = 330) -> Vertices:
    """A band along the equator that is nearly a ring: no hemisphere contains it."""
    along = range(first, last + 1, 30)
    return [(ra, -width) for ra in along] + [(ra, width) for ra in reversed(along)]


@pytest.mark.parametrize("backwards", [False, True])
def test_a_band_around_the_sky_is_the_smaller_side(backwards: bool) -> None:
    vertices = band(10.0)
    shape = outline(vertices[::-1] if backwards else vertices)
    assert not shape.convex
    (before, _), (_, after) = shape.bounds.ra
    assert (before, after) == (pytest.approx(360), pytest.approx(330))
    assert shape.bounds.dec == (pytest.approx(-10.35, abs=0.02), pytest.approx(10.35, abs=0.02))
    for ra in range(0, 360, 7):
        for dec in (-80, -12, -9.9, 0, 9.9, 12, 80):
            expected = 0 <= ra <= 330 and abs(dec) < 10
            assert (shape.distance(ra, dec) == 0) == expected, (ra, dec)
    assert shape.distance(345, 0) == pytest.approx(15)
    assert shape.distance(100, 40) == pytest.approx(40 - 10.3, abs=0.1)


def test_a_strip_over_both_poles_has_both(catalog: Catalog, engine: Engine) -> None:
    strip = [(10.0, 0.0), (10.0, 80.0), (170.0, 80.0), (170.0, 0.0), (170.0, -80.0), (175.0, -85.0)]
    strip += [(185.0, -85.0), (190.0, -80.0), (190.0, 0.0), (190.0, 80.0), (350.0, 80.0)]
    strip += [(350.0, 0.0)]
    shape = outline(strip)
    assert shape.distance(0, 90) == 0
    assert shape.bounds.dec[1] == 90
    assert shape.bounds.ra == ()
    north = found(f"CONTAINS(POINT(ra, dec), POLYGON({written(strip)})) = 1 AND dec > 88", catalog, engine)  # fmt: skip
    assert north == found("dec > 88", catalog, engine)


@pytest.mark.parametrize(
    "vertices",
    [
        [(350, 80), (80, 80), (170, 80), (260, 80)],
        [(0, -89), (120, -89), (240, -89)],
        [(359, -1), (1, -1), (1, 1), (359, 1)],
        [(-1, -1), (361, -1), (361, 1), (-1, 1)],
        [(61, -38), (63, -38), (63, -36), (62, -37.2), (61, -36)],
        [(10, 89), (20, 89), (20, 88.2), (10, 88.2)],
        [(0, 90), (80, 80), (100, 80)],
    ],
)
def test_polygons_across_zero_and_at_the_poles(
    vertices: Vertices, catalog: Catalog, engine: Engine, objects: dict[str, Any]
) -> None:
    center = outline(vertices).center
    inside = wound_around(vertices, center, objects["ra"], objects["dec"])
    check(vertices, inside, catalog, engine, objects)


def test_a_closed_outline_is_the_same(catalog: Catalog, engine: Engine) -> None:
    open_ = [(61.9, -37.1), (62.1, -37.1), (62.0, -36.9)]
    one, other = (
        found(f"CONTAINS(POINT(ra, dec), POLYGON({written(v)})) = 1", catalog, engine)
        for v in (open_, [*open_, open_[0]])
    )
    assert one == other
    assert one


@pytest.mark.parametrize("count", [3, 4, 7, 40])
def test_vertices_and_edges_are_inside(
    count: int, catalog: Catalog, engine: Engine, objects: dict[str, Any]
) -> None:
    # In order around a middle, so that the outline does not cross itself.
    chosen = np.arange(count)
    ra, dec = objects["ra"][chosen], objects["dec"][chosen]
    order = np.argsort(np.arctan2(dec - dec.mean(), ra - ra.mean()))
    vertices = [(float(ra[k]), float(dec[k])) for k in order]
    got = found(f"CONTAINS(POINT(ra, dec), POLYGON({written(vertices)})) = 1", catalog, engine)
    assert set(objects["objectId"][chosen].tolist()) <= got


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        ("62, -37.1", 1), ("61.9, -37", 1), ("62.1, -36.95", 1), ("62.1, -36.9", 1), ("62, -37", 1),
        ("62.1000001, -37", 0), ("61.8999999, -37", 0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("notch", ["", ", 62, -36.9999"])
def test_the_edge_is_inside(
    position: str, expected: int, notch: str, catalog: Catalog, engine: Engine
) -> None:
    # The southern edge is a great circle, which is south of the parallel that its ends are on.
    shape = f"POLYGON(61.9, -37.1, 62.1, -37.1, 62.1, -36.9{notch}, 61.9, -36.9)"
    ((got,),) = ask(f"SELECT CONTAINS(POINT({position}), {shape})", catalog, engine)
    assert got == expected


def test_edges_are_great_circles(catalog: Catalog, engine: Engine) -> None:
    shape = "POLYGON(0, 45, 90, 45, 90, 46, 0, 46)"
    # Halfway, the edge from (0, 45) to (90, 45) is at declination 54.7.
    for dec, expected in ((45.5, 0), (54.6, 0), (54.8, 1), (55.6, 1), (55.7, 0)):
        ((got,),) = ask(f"SELECT CONTAINS(POINT(45, {dec}), {shape})", catalog, engine)
        assert got == expected, dec


@pytest.mark.parametrize("center", [(62.0, -37.0), (0.0, 0.0), (180.0, 89.9), (10.0, -90.0)])
@pytest.mark.parametrize(("width", "height"), [(0.2, 0.1), (0.5, 1.0), (100.0, 40.0)])
def test_a_box_is_a_rectangle_in_the_tangent_plane(
    center: tuple[float, float],
    width: float,
    height: float,
    catalog: Catalog,
    engine: Engine,
    objects: dict[str, Any],
) -> None:
    east, north, out = frame(*center) @ vectors(objects["ra"], objects["dec"]).T
    inside = (
        (out > 0)
        & (np.abs(np.arctan2(east, out)) <= math.radians(width / 2))
        & (np.abs(np.arctan2(north, out)) <= math.radians(height / 2))
    )
    expected = set(objects["objectId"][inside].tolist())
    ra, dec = center
    for box in (
        f"BOX('ICRS', {ra}, {dec}, {width}, {height})",
        f"BOX(POINT({ra}, {dec}), {width}, {height})",
    ):
        assert found(f"CONTAINS(POINT(ra, dec), {box}) = 1", catalog, engine) == expected
    assert rectangle(ra, dec, width, height).convex


@pytest.mark.parametrize("point", ["POINT(mag_g, dec)", "POINT(ra, mag_g)"])
@pytest.mark.parametrize("notch", ["", ", 0, 0.5"])
def test_a_point_without_coordinates_is_neither_in_nor_out(
    catalog: Catalog, engine: Engine, point: str, notch: str
) -> None:
    shape = f"CONTAINS({point}, POLYGON(-9, -9, 9, -9, 9, 9{notch}, -9, 9))"
    assert_neither_in_nor_out(shape, catalog, engine)


def test_polygons_are_united_and_joined(catalog: Catalog, engine: Engine) -> None:
    shapes = ["POLYGON(61.8, -37.2, 62, -37.2, 62, -36.8)", "BOX(62.1, -37, 0.1, 0.1)"]
    one, other = (found(f"CONTAINS(POINT(ra, dec), {s}) = 1", catalog, engine) for s in shapes)
    assert one
    assert other
    both = " OR ".join(f"CONTAINS(POINT(ra, dec), {s}) = 1" for s in shapes)
    assert found(both, catalog, engine) == one | other
    joined = (
        "SELECT o.objectId FROM object o JOIN truth_match t ON o.objectId = t.match_objectId "
        f"AND CONTAINS(POINT(t.ra, t.dec), {shapes[0]}) = 1"
    )
    assert {row for (row,) in ask(joined, catalog, engine)} <= one


@pytest.mark.parametrize(
    ("shape", "code", "said"),
    [
        ("POLYGON('ICRS')", "bad_polygon", "at least three different vertices"),
        ("POLYGON(1, 2, 3, 4)", "bad_polygon", "at least three different vertices"),
        ("POLYGON(1, 2, 3, 4, 1, 2)", "bad_polygon", "at least three different vertices"),
        ("POLYGON(1, 2, 3, 4, 5)", "bad_arguments", "pairs of coordinates"),
        ("POLYGON(1, 2, 3, 4, 5, 91)", "bad_arguments", "between -90 and 90"),
        ("POLYGON(ra, 2, 3, 4, 5, 6)", "bad_arguments", "must be numbers, not columns"),
        ("POLYGON(1, 2, 3, NULL, 5, 6)", "bad_arguments", "must be numbers, not columns"),
        ("POLYGON('FK5', 1, 2, 3, 4, 5, 6)", "bad_arguments", "must be ICRS"),
        ("POLYGON(POINT(1, 2), 3, 4, 5)", "not_supported", "are only allowed in CONTAINS"),
        ("POLYGON(1, 2, 1, 2, 3, 4, 5, 0)", "bad_polygon", "vertices 1 and 2 of the polygon are the same"),
        ("POLYGON(1, 90, 2, 90, 3, 4)", "bad_polygon", "vertices 1 and 2 of the polygon are the same"),
        ("POLYGON(0, 0, 1, 0, 2, 0)", "bad_polygon", "touches itself"),
        ("POLYGON(0, 0, 2, 0, 1, 0)", "bad_polygon", "touches itself"),
        ("POLYGON(0, 0, 2, 0, 2, 2, 1, 0, 0, 2)", "bad_polygon", "vertex 4 is on the edge from vertex 1 to vertex 2"),
        ("POLYGON(0, 0, 1, 1, 0, 1, 0, 0, 1, 0)", "bad_polygon", "touches itself"),
        ("POLYGON(0, 0, 1, 1, 1, 0, 0, 1)", "bad_polygon", "the edge from vertex 1 to vertex 2 crosses that from vertex 3 to vertex 4"),
        ("POLYGON(0, 10, 180, -10, 90, 5)", "bad_polygon", "opposite points"),
        ("POLYGON(0, 0, 120, 0, 240, 0)", "bad_polygon", "half of the sky"),
        ("BOX(1, 2, 3)", "bad_arguments", "BOX takes a centre"),
        ("BOX(1, 2, 0, 3)", "bad_arguments", "between 0 and 180"),
        ("BOX(1, 2, 3, 180)", "bad_arguments", "between 0 and 180"),
        ("BOX(1, 2, -3, 3)", "bad_arguments", "between 0 and 180"),
        ("BOX(ra, dec, 3, 3)", "bad_arguments", "sizes of a BOX must be numbers"),
        ("REGION('x')", "unknown_function", "REGION"),
    ],
)  # fmt: skip
def test_an_invalid_shape_is_refused_with_what_to_do(
    shape: str, code: str, said: str, catalog: Catalog
) -> None:
    query = f"SELECT ra FROM object WHERE CONTAINS(POINT('ICRS', ra, dec), {shape}) = 1"
    with pytest.raises(QueryError) as raised:
        resolve(parse(query), catalog, query)
    assert raised.value.code == code
    assert said in raised.value.message
    assert "(line 1, column " in raised.value.message
    assert raised.value.hint


@pytest.mark.parametrize("query", ["SELECT POLYGON(0, 0, 1, 0, 0, 1)", "SELECT BOX(0, 0, 1, 1)"])
def test_a_shape_is_not_a_value(query: str, catalog: Catalog) -> None:
    with pytest.raises(QueryError, match="only allowed in") as raised:
        resolve(parse(query), catalog, query)
    assert raised.value.code == "not_supported"


def test_the_most_vertices_are_answered(catalog: Catalog, engine: Engine) -> None:
    few = found(f"CONTAINS(POINT(ra, dec), POLYGON({comb(MOST_VERTICES)})) = 1", catalog, engine)
    inner = found("CONTAINS(POINT(ra, dec), CIRCLE(62, -37, 0.19)) = 1", catalog, engine)
    outer = found("CONTAINS(POINT(ra, dec), CIRCLE(62, -37, 0.31)) = 1", catalog, engine)
    assert inner < few < outer


@pytest.mark.parametrize(
    "condition",
    [
        f"CONTAINS(POINT(ra, dec), POLYGON({comb(MOST_VERTICES + 2)})) = 1",
        " OR ".join([f"CONTAINS(POINT(ra, dec), POLYGON({comb(200)})) = 1"] * 3),
        " OR ".join(["CONTAINS(POINT(ra, dec), BOX(62, -37, 1, 1)) = 1"] * 200),
        f"CONTAINS(POINT(ra, dec), POLYGON({'1,2,' * 20_000}3,4)) = 1",
    ],
)
def test_more_vertices_are_refused(condition: str, catalog: Catalog) -> None:
    with pytest.raises(QueryError, match=f"more than {MOST_VERTICES} vertices") as raised:
        plan(f"SELECT ra FROM object WHERE {condition}", None, catalog, Limits(9, 9), emit)
    assert raised.value.code == "too_many_vertices"
