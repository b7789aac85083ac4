"""Searches outside the area with data are told where the data are."""

from __future__ import annotations

import io
import math
import re
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import votable

from firstlight_services.tap.coverage import Cap, Cell, Coverage, covering, separation
from firstlight_services.tap.engines.duckdb import tap_schema_file
from firstlight_services.tap.engines.duckdb.load import load
from firstlight_services.tap.models import Catalog, Table
from firstlight_services.tap.policy import Limits
from firstlight_services.tap.service import plan
from tests.services.tap.conftest import Tap, ask, dp01, engine_of

OBJECT = "dp01_dc2_catalogs.object"
HERE = "CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', {}, {}, {})) = 1"

INSIDE = "CONTAINS(POINT('ICRS', ra, dec), {}) = 1"
AROUND = "POLYGON(58, -41, 66, -41, 66, -33, 64, -33, 64, -39, 60, -39, 60, -33, 58, -33)"


def noted(query: str, catalog: Catalog) -> str:
    """Return the INFO of a query, or an empty string."""
    notes = plan(query, None, catalog, Limits(9, 9), lambda *_: "").notes
    assert all((one.name, one.value) == ("coverage", "outside") for one in notes)
    return "".join(one.text for one in notes)


def where(condition: str) -> str:
    return f"SELECT ra FROM object WHERE {condition}"


@pytest.mark.parametrize(
    "query",
    [
        where(HERE.format(56.65, -36.44, 0.1)),
        where(HERE.format(62, -30, 1)),
        where(HERE.format(180, 20, 30)),
        where("CONTAINS(CIRCLE(180, 0, 1), POINT(ra, dec)) = 1 AND mag_i < 20"),
        where("DISTANCE(POINT(ra, dec), POINT(180, 0)) < 0.1"),
        where("DISTANCE(180, 0, ra, dec) <= 0.1"),
        where(INSIDE.format("POLYGON('ICRS', 56, -36, 57, -36, 57, -37, 56, -37)")),
        where(INSIDE.format("POLYGON(62, 30, 63, 30, 62.5, 31, 62.5, 30.5)") + " AND mag_i < 20"),
        where(INSIDE.format("BOX('ICRS', 180, 20, 100, 100)")),
        where("INTERSECTS(BOX(180, 0, 1, 1), POINT(ra, dec)) = 1"),
        # Around the field at (62, -37), from which the notch is as wide as two degrees.
        where(INSIDE.format(AROUND)),
        where("dec BETWEEN 10 AND 20"),
        where("ra BETWEEN 100 AND 110 AND dec BETWEEN -50 AND -30"),
        where("ra > 100 AND ra < 110 AND dec < 0 AND dec > -60"),
        where("10 < dec AND dec <= 20"),
        f"SELECT COUNT(*) FROM object WHERE {HERE.format(180, 0, 1)}",
        f"SELECT q.ra FROM (SELECT ra FROM object WHERE {HERE.format(180, 0, 1)}) AS q",
        "SELECT o.ra FROM object o JOIN truth_match t ON o.objectId = t.match_objectId "
        "AND CONTAINS(POINT(t.ra, t.dec), CIRCLE(180, 0, 1)) = 1",
    ],
)
def test_a_search_outside_is_told_where_the_data_are(query: str, catalog: Catalog) -> None:
    text = noted(query, catalog)
    assert "has no data in the area of this query" in text
    assert "within" in text
    assert "degrees" in text


@pytest.mark.parametrize(
    "query",
    [
        where(HERE.format(62, -37, 0.01)),
        where(HERE.format(62, -36, 1)),
        where(HERE.format(180, 20, 180)),
        where(INSIDE.format("POLYGON(61.9, -37.1, 62.1, -37.1, 62, -36.9)")),
        where(INSIDE.format("POLYGON(50, -50, 70, -50, 70, -20, 50, -20)")),
        where(INSIDE.format("POLYGON(62.2, -37, 70, -37, 70, -36)")),
        where(INSIDE.format("BOX(62, -36, 0.5, 2)")),
        where(INSIDE.format("BOX(200, 90, 3, 3)")),
        where(INSIDE.format("BOX(180, 0, 1, 1)") + " OR ra > 0"),
        where("CONTAINS(POINT(ra, dec), BOX(180, 0, 1, 1)) = 0"),
        where("CONTAINS(POINT(dec, ra), BOX(180, 0, 1, 1)) = 1"),
        where(HERE.format(180, 0, 1) + " OR ra > 0"),
        where(f"NOT {HERE.format(180, 0, 1)}"),
        where("DISTANCE(POINT(ra, dec), POINT(180, 0)) > 0.1"),
        where("ra BETWEEN 359 AND 360 AND dec < 1"),
        where("dec > 89.5 AND ra BETWEEN 10 AND 15"),
        where("mag_i < 0"),
        "SELECT ra FROM object",
        "SELECT t.ra FROM truth_match t LEFT JOIN object o ON o.objectId = t.match_objectId "
        "AND CONTAINS(POINT(o.ra, o.dec), CIRCLE(180, 0, 1)) = 1",
        "SELECT coord_ra FROM reference WHERE coord_dec > 80",
        "SELECT table_name FROM tap_schema.tables",
    ],
)
def test_any_other_query_is_told_nothing(query: str, catalog: Catalog) -> None:
    assert noted(query, catalog) == ""


@pytest.mark.parametrize("side", [-1, 1])
def test_a_polygon_that_touches_the_data_is_told_nothing(side: int, catalog: Catalog) -> None:
    cells = coverage_of(catalog).cells
    field = [one for one in cells if separation(one.ra, one.dec, 62, -37) < 2]
    edge = side * max(side * (one.dec + side * one.radius) for one in field)
    for away, said in ((-0.001, False), (0.001, True)):
        # Its southern or northern vertex is nearest to the cells.
        near = edge + side * away
        far = near + side
        cell = next(one for one in field if abs(one.dec + side * one.radius - edge) < 1e-9)
        polygon = f"POLYGON({cell.ra}, {near}, {cell.ra - 0.001}, {far}, {cell.ra + 0.001}, {far})"
        assert bool(noted(where(INSIDE.format(polygon)), catalog)) is said


def coverage_of(catalog: Catalog) -> Coverage:
    coverage = table(catalog).coverage
    assert coverage is not None
    return coverage


def test_the_area_nearest_to_a_polygon_is_named(catalog: Catalog) -> None:
    near_field = noted(where(INSIDE.format("BOX(62, -30, 0.5, 0.5)")), catalog)
    near_pole = noted(where(INSIDE.format("POLYGON(0, 80, 120, 80, 121, 79, 0, 79)")), catalog)
    assert re.search(r"right ascension 6[12]\.\d+, declination -3[67]", near_field)
    assert re.search(r"declination (89|90)\.\d+", near_pole)


def table(catalog: Catalog, name: str = OBJECT) -> Table:
    found = catalog.table(name)
    assert found is not None
    return found


def test_the_coverage_is_of_the_data(catalog: Catalog, objects: dict[str, list[float]]) -> None:
    coverage = coverage_of(catalog)
    for ra, dec in zip(objects["ra"], objects["dec"], strict=True):
        spot = Cap(float(ra), float(dec), 0)
        assert any(cell.meets(spot) for cell in coverage.cells)
        assert any(patch.around.meets(spot) for patch in coverage.patches)
    field = coverage.nearest(62, -37)
    assert (field.around.ra, field.around.dec) == pytest.approx((62, -37), abs=0.1)
    assert 0.4 < field.around.radius < 0.7
    assert table(catalog, "dp01_dc2_catalogs.reference").coverage == Coverage()


async def test_a_search_outside_is_answered_with_an_info(tap: Tap) -> None:
    for form in ("votable", "votable/td"):
        answer = await tap.query(where(HERE.format(62, -30, 0.1)), FORMAT=form)
        assert answer.code == 200
        parsed = votable.parse(io.BytesIO(answer.body), verify="exception")
        infos = {one.name: one for one in parsed.resources[0].infos}
        assert infos["QUERY_STATUS"].value == "OK"
        assert infos["coverage"].value == "outside"
        assert len(parsed.get_first_table().array) == 0
        # The nearest of the areas, and a query that finds something there.
        said = infos["coverage"].content
        assert re.search(r"right ascension 6[12]\.\d+, declination -3[67]\.\d+ \(ICRS", said)
        example = said.partition("For example: ")[2]
        assert len(votable_rows((await tap.query(example)).body)) > 0
    assert b"coverage" not in (await tap.query(where(HERE.format(62, -37, 0.1)))).body
    csv = await tap.query(where(HERE.format(62, -30, 0.1)), FORMAT="csv")
    assert csv.body == b"ra\r\n"


def votable_rows(body: bytes) -> object:
    return votable.parse(io.BytesIO(body)).get_first_table().array


def test_the_coverage_follows_the_data(tmp_path_factory: pytest.TempPathFactory) -> None:
    state = tmp_path_factory.mktemp("moved")
    folder = state / "parquet"
    folder.mkdir()
    for center in (150.0, 10.0):
        columns = {"objectId": [1, 2], "ra": [center, center + 0.2], "dec": [2.0, 2.1]}
        pq.write_table(pa.table(columns), folder / "object.parquet")
        load([dp01(state, folder)], tap_schema_file(state))
        engine = engine_of(state)
        try:
            moved = engine.describe()
            assert noted(where(HERE.format(center, 2.0, 0.1)), moved) == ""
            said = noted(where(HERE.format(80.0, 2.0, 0.1)), moved)
            example = said.partition("For example: ")[2]
            assert 1 <= len(ask(example, moved, engine)) <= 2
        finally:
            engine.close()


@pytest.mark.parametrize("height", [1 / 16, 0.5, 4])
def test_cells_cover_every_position(height: float) -> None:
    random = Random(9)
    for _ in range(300):
        ra = random.choice([0.0, 359.9999, random.uniform(0, 360)])
        dec = random.choice([-90.0, 90.0, random.uniform(-90, 90)])
        stripe = min(math.floor((dec + 90) / height), round(180 / height) - 1)
        middle = math.radians((stripe + 0.5) * height - 90)
        parts = max(1, math.ceil(360 * math.cos(middle) / height))
        cell = Cell(stripe, parts, math.floor(ra / 360 * parts) % parts, 1)
        (cap,) = covering([cell], height).cells
        assert separation(cap.ra, cap.dec, ra, dec) <= cap.radius


def test_connected_cells_are_one_area() -> None:
    row = [Cell(100, 360, part, 1) for part in (359, 0, 1, 2, 50)]
    coverage = covering([*row, Cell(101, 360, 2, 5)], 1.0)
    assert len(coverage.patches) == 2
    around = coverage.patches[0].around
    assert separation(around.ra, around.dec, 1.5, 11) < 1.5
    assert coverage.patches[0].inside.dec == pytest.approx(11.5)
