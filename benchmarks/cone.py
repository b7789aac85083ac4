r"""Cone searches: the SQL that we emit compared with other ways to query the same rows.

All sides select the same columns of the same simulated objects (300 square degrees, as in DP0.1)
with everything in memory, and must find the same rows.

- *haversine in DuckDB*: the great-circle formula over all rows, as one would write it without a
  spatial index, run by the same engine on the same file with the same threads. The difference is
  the box that we emit before the formula, which DuckDB can look up thanks to the loader's row
  order.
- *SQLite with R\*Tree*: a real spatial index, in the database that comes with Python. The index
  finds the rows in a box and the formula selects from them. It is designed to find few rows among
  many, where a column store has to scan thousands, so it is the one to beat for small cones. It is
  single-threaded and returns rows as Python objects, which matters where there are many.

Our side starts from ADQL, so parsing and planning are timed; the peers start from SQL.

pgSphere and Q3C, which large archives use, need a PostgreSQL server and are not compared.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measure import Comparison, interleave, seconds
from benchmarks.session import Session
from firstlight_common.runtime import DataSet
from firstlight_hub.describe import sample_felis
from firstlight_services.tap.engines.duckdb import DuckDBEngine, tap_schema_file
from firstlight_services.tap.engines.duckdb.load import load
from firstlight_services.tap.policy import Limits
from firstlight_services.tap.query.cone import bounds
from firstlight_services.tap.service import plan

__all__ = ["run"]

_CONES = 5
"""Number of cones of each size, each around a different object."""

_RADII = {"10″": 10 / 3600, "1′": 1 / 60, "10′": 1 / 6, "1°": 1.0}
_COLUMNS = ("objectId", "ra", "dec", "mag_g", "mag_r", "mag_i")
_Cone = Mapping[str, float]
_Found = tuple[int, int]
"""The number of rows, and the sum of their object ids."""

_LIMITS = Limits(10**9, 10**9)
_MILLI = 1e3
_ADQL = (
    "SELECT {columns} FROM dp01_dc2_catalogs.object "
    "WHERE CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', {ra}, {dec}, {radius})) = 1"
)
_FORMULA = (
    "2 * asin(least(1, sqrt(pow(sin(radians(dec - {dec}) / 2), 2) + cos(radians({dec})) "
    "* cos(radians(dec)) * pow(sin(radians(ra - {ra}) / 2), 2)))) <= radians({radius})"
)
_HAVERSINE = (
    "SELECT {columns} FROM dataset_dp01.dp01_dc2_catalogs.object WHERE "  # noqa: S608
    + _FORMULA
)
_RTREE = (
    "SELECT {columns} FROM place JOIN object USING (objectId) "  # noqa: S608 (only our own numbers)
    "WHERE ra1 >= {ra_low} AND ra0 <= {ra_high} AND dec1 >= {dec_low} AND dec0 <= {dec_high} AND "
    + _FORMULA.replace("least", "min")
)


@dataclass(frozen=True)
class _Sides:
    """The three ways to query."""

    engine: DuckDBEngine
    sqlite: sqlite3.Connection

    def ours(self, cone: _Cone) -> _Found:
        catalog, emit = self.engine.describe(), self.engine.emit
        return self._duck(plan(_fill(_ADQL, cone), None, catalog, _LIMITS, emit).statement)

    def haversine(self, cone: _Cone) -> _Found:
        return self._duck(_fill(_HAVERSINE, cone))

    def rtree(self, cone: _Cone) -> _Found:
        found = self.sqlite.execute(_fill(_RTREE, cone)).fetchall()
        return len(found), sum(row[0] for row in found)

    def _duck(self, sql: str) -> _Found:
        cursor = self.engine.cursor()
        try:
            cursor.start(sql, len(_COLUMNS))
            count = total = 0
            while (batch := cursor.next()) is not None:
                count += batch.num_rows
                total += int(batch.column(0).to_numpy().sum())
        finally:
            cursor.close()
        return count, total


def run(session: Session) -> list[Comparison]:
    """Compare cones of several sizes, each at several positions."""
    rows, rounds = session.size(2_000_000, 20_000), session.rounds(7)
    sides, centers = _prepared(session, rows)
    peers = {
        "haversine": f"haversine in DuckDB {version('duckdb')}",
        "rtree": f"SQLite {sqlite3.sqlite_version} with R*Tree",
    }
    ways = {"ours": sides.ours, "haversine": sides.haversine, "rtree": sides.rtree}
    found = []
    with session.steps("cone: measuring", len(_RADII) * len(ways) * rounds) as step:
        for name, radius in _RADII.items():
            cones = [_cone(ra, dec, radius) for ra, dec in centers]
            counts = {way: _all(ask, cones) for way, ask in ways.items()}
            if len({str(count) for count in counts.values()}) != 1:
                raise RuntimeError(f"the sides found different rows in the cones: {counts}")
            taken = interleave(
                rounds,
                {way: partial(seconds, partial(_all, ask, cones)) for way, ask in ways.items()},
                step,
            )
            scaled = {way: series.scaled(_MILLI / len(cones)) for way, series in taken.items()}
            middle = round(sum(count for count, _ in counts["ours"]) / len(cones))
            found += [
                Comparison(
                    f"cone of {name} in {rows:.0e} rows, {middle} found".replace("e+0", "e"),
                    "ms",
                    scaled["ours"],
                    scaled[peer],
                    title,
                )
                for peer, title in peers.items()
            ]
    sides.engine.close()
    sides.sqlite.close()
    return found


def _all(ask: Callable[[_Cone], _Found], cones: Sequence[_Cone]) -> list[_Found]:
    return [ask(cone) for cone in cones]


def _prepared(session: Session, rows: int) -> tuple[_Sides, list[tuple[float, float]]]:
    """Create both databases; return the ways to query them and positions of objects."""
    folder = session.folder / "cone"
    folder.mkdir()
    with session.steps("cone: simulating and loading", 3) as step:
        objects = _objects(rows)
        pq.write_table(objects, folder / "object.parquet")
        step()
        dataset = DataSet(
            label="dp01",
            title="DP0.1",
            felis=sample_felis(),
            catalog=folder,
            store=folder / "dp01",
        )
        load([dataset], tap_schema_file(folder))
        step()
        sqlite = _sqlite(folder / "objects.sqlite", objects)
        step()
    some = objects.slice(0, _CONES)
    centers = list(zip(some["ra"].to_pylist(), some["dec"].to_pylist(), strict=True))
    engine = DuckDBEngine([dataset], tap_schema_file(folder), threads=2, memory=2 * 1024**3)
    return _Sides(engine, sqlite), centers


def _objects(rows: int) -> pa.Table:
    """Return objects distributed uniformly over DP0.1's part of the sky."""
    random = np.random.default_rng(20210630)
    low, high = (math.sin(math.radians(dec)) for dec in (-44.5, -29.0))
    columns = {
        "objectId": np.arange(rows),
        "ra": random.uniform(51.0, 73.5, rows),
        "dec": np.degrees(np.arcsin(random.uniform(low, high, rows))),
    }
    return pa.table(columns | {name: random.uniform(16, 27, rows) for name in _COLUMNS[3:]})


def _sqlite(path: Path, objects: pa.Table) -> sqlite3.Connection:
    database = sqlite3.connect(path)
    # Everything is in memory, as in DuckDB.
    database.execute("PRAGMA cache_size = -2000000")
    typed = ", ".join(f"{name} REAL" for name in _COLUMNS[1:])
    database.execute(f"CREATE TABLE object (objectId INTEGER PRIMARY KEY, {typed})")
    database.execute("CREATE VIRTUAL TABLE place USING rtree(objectId, ra0, ra1, dec0, dec1)")
    # Rows sorted by position make the tree quicker to build and better.
    order = np.lexsort((objects["ra"].to_numpy(), np.floor(objects["dec"].to_numpy() * 4)))
    columns = [objects[name].to_numpy()[order].tolist() for name in _COLUMNS]
    values = list(zip(*columns, strict=True))
    with database:
        database.executemany("INSERT INTO object VALUES (?, ?, ?, ?, ?, ?)", values)
        places = ((row[0], row[1], row[1], row[2], row[2]) for row in values)
        database.executemany("INSERT INTO place VALUES (?, ?, ?, ?, ?)", places)
    return database


def _cone(ra: float, dec: float, radius: float) -> _Cone:
    """Return a cone and, for an index of boxes, the box around it."""
    box = bounds(ra, dec, radius)
    (ra_low, ra_high), (dec_low, dec_high) = box.ra[0], box.dec
    edges = {"ra_low": ra_low, "ra_high": ra_high, "dec_low": dec_low, "dec_high": dec_high}
    return {"ra": ra, "dec": dec, "radius": radius, **edges}


def _fill(query: str, cone: _Cone) -> str:
    # With an exponent, since DuckDB reads other literals as exact decimals.
    written = {key: f"{value:.17e}" for key, value in cone.items()}
    return query.format(columns=", ".join(_COLUMNS), **written)
