"""A catalog of a few hundred rows, made here; the service behind a small hub."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tornado.httpclient import HTTPResponse

from firstlight_common.runtime import DataSet
from firstlight_hub.describe import sample_felis
from firstlight_services.tap.app import make_app
from firstlight_services.tap.component import COMPONENT
from firstlight_services.tap.engines import Engine
from firstlight_services.tap.engines.duckdb import DuckDBEngine, tap_schema_file
from firstlight_services.tap.engines.duckdb.load import load
from firstlight_services.tap.models import Catalog
from firstlight_services.tap.policy import Limits
from firstlight_services.tap.service import QueryService, plan
from firstlight_services.tap.settings import TapSettings
from firstlight_services.web import ServiceApplication, ServiceContext
from firstlight_services.web.testing import FakeHub, fetch, make_context, serving

SCOPES = ("access:services!service=tap",)
ROWS = 600


def write_parquet(folder: Path) -> None:
    """Write objects around (62, -37), at the poles and at RA 0/360."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(20210630)
    ra = np.concatenate(
        [
            62 + random.uniform(-0.4, 0.4, 300),
            random.uniform(-0.5, 0.5, 150) % 360,
            random.uniform(0, 360, 150),
        ]
    )
    dec = np.concatenate(
        [
            -37 + random.uniform(-0.3, 0.3, 300),
            random.uniform(-0.5, 0.5, 150),
            np.where(random.random(150) < 0.5, 1, -1) * random.uniform(89, 90, 150),
        ]
    )
    ids = np.arange(ROWS) + 10**15
    mag = random.uniform(16, 27, ROWS)
    mag[::20] = np.nan
    patch = ["3,4" if one % 2 else None for one in range(ROWS)]
    clean = [None if one % 50 == 0 else bool(one % 3) for one in range(ROWS)]
    pq.write_table(
        pa.table(
            {
                "objectId": ids,
                "ra": ra,
                "dec": dec,
                "mag_i": mag,
                "clean": pa.array(clean, pa.bool_()),
                "patch": pa.array(patch, pa.string()),
                "tract": pa.array(range(ROWS), pa.int32()),
            }
        ),
        folder / "object.parquet",
    )
    pq.write_table(
        pa.table(
            {
                "match_objectId": ids[:200],
                "id": [f"truth-{one}" for one in range(200)],
                "ra": ra[:200],
                "dec": dec[:200],
            }
        ),
        folder / "truth_match.parquet",
    )
    pq.write_table(
        pa.table(
            {
                "objectId": ids,
                "coord_ra": ra,
                "coord_dec": dec,
                "detect_isPrimary": np.arange(ROWS) % 4 != 0,
            }
        ),
        folder / "position.parquet",
    )


@pytest.fixture(scope="session")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parquet")
    write_parquet(folder)
    return folder


def dp01(state: Path, parquet: Path | None = None) -> DataSet:
    """Return the data set of a state directory; without its Parquet files it cannot be loaded."""
    return DataSet(
        label="dp01",
        title="DP0.1",
        felis=sample_felis() if parquet else Path("only-the-loader-reads-it.yaml"),
        catalog=parquet,
        store=tap_schema_file(state).with_name("dp01"),
    )


def write_runtime(state: Path, *datasets: DataSet) -> None:
    """Write what ``firstlight up`` tells the loader."""
    runtime = {
        "state_dir": str(state),
        "public_url": "http://127.0.0.1:8000",
        "labs_python": "/usr/bin/python3",
        "tutorials_dir": str(state),
        "version": "0",
        "components": [],
        "datasets": [one.model_dump(mode="json") for one in datasets],
    }
    (state / "run").mkdir(exist_ok=True)
    (state / "run" / "runtime.json").write_text(json.dumps(runtime))


def copied(state: Path, to: Path) -> Path:
    """Copy the databases to another state directory: DuckDB opens a path once per process."""
    shutil.copytree(tap_schema_file(state).parent, tap_schema_file(to).parent)
    return to


def engine_of(
    state: Path, *datasets: DataSet, threads: int = 1, memory: int = 256 * 1024**2
) -> DuckDBEngine:
    """Return an engine over the databases of a state directory."""
    chosen = datasets or (dp01(state),)
    return DuckDBEngine(chosen, tap_schema_file(state), threads=threads, memory=memory)


@pytest.fixture(scope="session")
def state(parquet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with a loaded data set; shared, since nothing writes to it."""
    state = tmp_path_factory.mktemp("state")
    load([dp01(state, parquet)], tap_schema_file(state))
    return state


@pytest.fixture(scope="session")
def engine(state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBEngine]:
    copy = copied(state, tmp_path_factory.mktemp("engine"))
    engine = engine_of(copy, threads=2, memory=512 * 1024**2)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def catalog(engine: DuckDBEngine) -> Catalog:
    return engine.describe()


@pytest.fixture(scope="session")
def objects(parquet: Path) -> dict[str, Any]:
    """The objects as numpy columns."""
    table = pq.read_table(parquet / "object.parquet")
    return {name: table[name].to_numpy() for name in ("objectId", "ra", "dec", "mag_i")}


@pytest.fixture(scope="session")
def rewrite_golden() -> bool:
    """Whether golden files are written anew: FIRSTLIGHT_REWRITE_GOLDEN=1."""
    return os.environ.get("FIRSTLIGHT_REWRITE_GOLDEN") == "1"


@dataclass
class Tap:
    """The service, its hub, and how to ask it."""

    url: str
    hub: FakeHub
    app: ServiceApplication[QueryService]

    async def get(self, path: str, token: str | None = "vera-token") -> HTTPResponse:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return await fetch(f"{self.url}/api/tap/{path}", headers=headers)

    async def query(self, adql: str, **parameters: str) -> HTTPResponse:
        form = {"REQUEST": "doQuery", "LANG": "ADQL", "QUERY": adql, **parameters}
        return await fetch(
            f"{self.url}/api/tap/sync",
            method="POST",
            headers={"Authorization": "Bearer vera-token"},
            form=form,
        )

    async def query_in_address(self, **parameters: str) -> HTTPResponse:
        return await self.get(f"sync?{urlencode(parameters)}")


@pytest.fixture
def settings() -> dict[str, Any]:
    return {}


def tap_context(
    state: Path, hub: FakeHub, settings: dict[str, Any], *more: DataSet
) -> ServiceContext[TapSettings]:
    """Return the context of a service with the data set, and perhaps more."""
    datasets = [dp01(state), *more]
    return make_context(state, COMPONENT, TapSettings, hub, settings=settings, datasets=datasets)


@pytest.fixture
async def tap(state: Path, settings: dict[str, Any]) -> AsyncIterator[Tap]:
    async with FakeHub().running() as hub:
        hub.add_token("vera-token", "vera", scopes=SCOPES)
        hub.add_token("narrow-token", "nina", scopes=())
        app = make_app(tap_context(state, hub, settings))
        async with serving(app) as url:
            yield Tap(url, hub, app)
        app.service.close()
        app.checker.close()


def rows_of(engine: Engine, statement: str, columns: int = 1) -> list[tuple[Any, ...]]:
    """Return all rows of a query in the engine's language."""
    cursor = engine.cursor()
    try:
        cursor.start(statement, columns)
        found: list[tuple[Any, ...]] = []
        while (batch := cursor.next()) is not None:
            found += zip(*(column.to_pylist() for column in batch.columns), strict=True)
        return found
    finally:
        cursor.close()


def ask(query: str, catalog: Catalog, engine: Engine) -> list[tuple[Any, ...]]:
    """Return all rows of a query in ADQL."""
    planned = plan(query, None, catalog, Limits(9999, 9999), engine.emit)
    return rows_of(engine, planned.statement, len(planned.fields))


def found(condition: str, catalog: Catalog, engine: Engine) -> set[int]:
    """Return the objects for which a condition in ADQL is true."""
    query = f"SELECT objectId FROM object WHERE {condition}"
    return {number for (number,) in ask(query, catalog, engine)}


def assert_neither_in_nor_out(inside: str, catalog: Catalog, engine: Engine) -> None:
    """Compare what a CONTAINS says of points without coordinates with NULL."""
    for condition in (f"{inside} = 1", f"{inside} = 0", f"NOT {inside} = 1", f"{inside} <> 1"):
        assert found(condition, catalog, engine) == set(), condition
    assert ask(f"SELECT DISTINCT {inside} FROM object", catalog, engine) == [(None,)]


def comb(count: int) -> str:
    """Return the coordinates of a polygon around (62, -37), every other vertex of it a notch."""
    angles = np.arange(count) / count * 2 * np.pi
    radii = np.where(np.arange(count) % 2, 0.2, 0.3)
    dec = -37 + radii * np.sin(angles)
    ra = 62 + radii * np.cos(angles) / np.cos(np.radians(dec))
    return ", ".join(f"{x}, {y}" for x, y in zip(ra.tolist(), dec.tolist(), strict=True))


def status_of(body: bytes) -> tuple[str, str]:
    """Return QUERY_STATUS of a VOTable, and its words."""
    from astropy.io import votable

    parsed = votable.parse(io.BytesIO(body), verify="exception")
    infos = [info for one in parsed.resources for info in one.infos]
    table = [info for one in parsed.resources for t in one.tables for info in t.infos]
    found = [info for info in (*infos, *table) if info.name == "QUERY_STATUS"]
    return found[-1].value, found[-1].content or ""
