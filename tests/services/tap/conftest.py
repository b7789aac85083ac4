"""A catalog of a few hundred rows, made here; the service behind a small hub."""

from __future__ import annotations

import io
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

from firstlight_services.tap.app import make_app
from firstlight_services.tap.component import COMPONENT
from firstlight_services.tap.load import load
from firstlight_services.tap.models import Catalog
from firstlight_services.tap.policy import Limits
from firstlight_services.tap.service import QueryService, plan
from firstlight_services.tap.settings import TapSettings
from firstlight_services.tap.store import DuckStore
from firstlight_services.web import ServiceApplication
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


@pytest.fixture(scope="session")
def state(parquet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with a loaded catalog; shared, since nothing writes to it."""
    state = tmp_path_factory.mktemp("state")
    load(parquet, state / "data" / "catalog" / "dp01.duckdb")
    return state


@pytest.fixture(scope="session")
def store(state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckStore]:
    # A copy: within a process DuckDB opens a path once, and the service has the original.
    path = tmp_path_factory.mktemp("store") / "dp01.duckdb"
    shutil.copy(state / "data" / "catalog" / "dp01.duckdb", path)
    store = DuckStore(path, threads=2, memory=512 * 1024**2)
    yield store
    store.close()


@pytest.fixture(scope="session")
def catalog(store: DuckStore) -> Catalog:
    return store.catalog()


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


@pytest.fixture
async def tap(state: Path, settings: dict[str, Any]) -> AsyncIterator[Tap]:
    async with FakeHub().running() as hub:
        hub.add_token("vera-token", "vera", scopes=SCOPES)
        hub.add_token("narrow-token", "nina", scopes=())
        app = make_app(make_context(state, COMPONENT, TapSettings, hub, settings=settings))
        async with serving(app) as url:
            yield Tap(url, hub, app)
        app.service.close()
        app.checker.close()


def rows_of(store: DuckStore, sql: str, columns: int = 1) -> list[tuple[Any, ...]]:
    """Return all rows of a query in the engine's SQL."""
    cursor = store.cursor()
    try:
        cursor.start(sql, columns)
        found: list[tuple[Any, ...]] = []
        while (batch := cursor.next()) is not None:
            found += zip(*(column.to_pylist() for column in batch.columns), strict=True)
        return found
    finally:
        cursor.close()


def ask(query: str, catalog: Catalog, store: DuckStore) -> list[tuple[Any, ...]]:
    """Return all rows of a query in ADQL."""
    planned = plan(query, None, catalog, Limits(9999, 9999))
    return rows_of(store, planned.sql, len(planned.fields))


def status_of(body: bytes) -> tuple[str, str]:
    """Return QUERY_STATUS of a VOTable, and its words."""
    from astropy.io import votable

    parsed = votable.parse(io.BytesIO(body), verify="exception")
    infos = [info for one in parsed.resources for info in one.infos]
    table = [info for one in parsed.resources for t in one.tables for info in t.infos]
    found = [info for info in (*infos, *table) if info.name == "QUERY_STATUS"]
    return found[-1].value, found[-1].content or ""
