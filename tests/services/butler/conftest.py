"""The image service over a small repository, with a small hub beside it, all on loopback."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from firstlight_common.runtime import DataSet
from firstlight_services.butler.app import make_app
from firstlight_services.butler.component import COMPONENT
from firstlight_services.butler.settings import ButlerSettings
from firstlight_services.web.testing import FakeHub, fetch, make_context, serving

SCOPE = "access:services!service=butler"
CALEXP = "2.2i/runs/DP0.1/calexp/v1"
COADD = "2.2i/runs/DP0.1/coadd/wfd/dr6/v1"
CHAIN = "2.2i/runs/DP0.1"
CAMERA = "LSSTCam-imSim"


@dataclass
class Images:
    """The image service and its surroundings."""

    url: str
    hub: FakeHub
    repository: Path

    async def get(self, path: str, token: str | None = "vera-token") -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return await fetch(f"{self.url}/api/butler/{path}", headers=headers)


@pytest.fixture(scope="session")
def small_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a repository with a storage class that this environment does not know."""
    from lsst.daf.butler import Butler, CollectionType, DatasetType, StorageClass

    folder = tmp_path_factory.mktemp("repositories") / "dp01"
    Butler.makeRepo(str(folder))
    with Butler.from_config(str(folder), writeable=True) as butler:
        registry = butler.registry
        registry.insertDimensionData(
            "instrument",
            {"name": CAMERA, "detector_max": 189, "class_name": "elsewhere.Camera"},
        )
        registry.insertDimensionData(
            "detector",
            *({"instrument": CAMERA, "id": number, "full_name": f"R{number}"} for number in (1, 2)),
        )
        registry.insertDimensionData(
            "skymap",
            {
                "name": "DC2",
                "hash": b"\x00" * 20,
                "tract_max": 18938,
                "patch_nx_max": 7,
                "patch_ny_max": 7,
            },
        )
        kinds = (
            DatasetType(
                "calexp",
                ("instrument", "detector"),
                StorageClass("OnlyLabsKnow", pytype=dict),
                universe=butler.dimensions,
            ),
            DatasetType("skyMap", ("skymap",), "SkyMap", universe=butler.dimensions),
        )
        for kind in kinds:
            registry.registerDatasetType(kind)
        for run in (CALEXP, COADD):
            butler.collections.register(run, CollectionType.RUN)
        butler.collections.register(CHAIN, CollectionType.CHAINED)
        butler.collections.redefine_chain(CHAIN, [CALEXP, COADD])
        data_ids = [{"instrument": CAMERA, "detector": number} for number in (1, 2)]
        refs = registry.insertDatasets("calexp", data_ids, run=CALEXP)
        butler.collections.register("a/selection", CollectionType.TAGGED)
        registry.associate("a/selection", refs)
    return folder


@pytest.fixture
async def images(tmp_path: Path) -> AsyncIterator[Images]:
    """Serve images from a state directory without a repository."""
    async with FakeHub().running() as hub:
        hub.add_token("vera-token", "vera", scopes=[SCOPE])
        hub.add_token("narrow-token", "ann", scopes=["access:services!service=tap"])
        folder = tmp_path / "images" / "dp01"
        datasets = [
            DataSet(label="dp01", title="The sample", repository=folder),
            DataSet(label="tables", title="Tables only"),
        ]
        app = make_app(make_context(tmp_path, COMPONENT, ButlerSettings, hub, datasets=datasets))
        async with serving(app) as url, app.running():
            yield Images(url, hub, folder)


@pytest.fixture
def dp01(images: Images, small_repository: Path) -> Images:
    """Put the small repository where the data set says."""
    shutil.copytree(small_repository, images.repository)
    return images
