"""The sample repository, as the program that makes it leaves it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from firstlight_services.butler.models import Repository
from firstlight_services.butler.store import read

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def sample(labs_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    out = tmp_path_factory.mktemp("data")
    command = [str(labs_python), "-m", "firstlight_sampledata", "--quick", "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return read(out / "butler", "dp01")


def test_has_the_collections_of_dp01(sample: Repository) -> None:
    found = {collection.name: collection.type for collection in sample.collections}

    assert found["2.2i/runs/DP0.1"] == "CHAINED"
    assert found["2.2i/runs/DP0.1/coadd/wfd/dr6/v1"] == "CHAINED"
    assert found["2.2i/runs/DP0.1/calexp/v1"] == "RUN"
    assert found["2.2i/runs/DP0.1/coadd/wfd/dr6/v1/grizy"] == "RUN"


def test_has_images_named_as_in_dp01(sample: Repository) -> None:
    found = {kind.name: kind for kind in sample.dataset_types}

    assert set(found["calexp"].dimensions) == {"instrument", "detector", "visit"}
    assert set(found["deepCoadd"].dimensions) == {"band", "skymap", "tract", "patch"}
    assert found["calexp"].storage_class == found["deepCoadd"].storage_class == "ExposureF"
    assert found["deepCoadd"].datasets == 4 * 6
    assert found["calexp"].datasets > 0


def test_knows_its_camera_and_sky_map(sample: Repository) -> None:
    assert [camera.name for camera in sample.instruments] == ["LSSTCam-imSim"]
    assert [(skymap.name, skymap.patches) for skymap in sample.skymaps] == [("DC2", (7, 7))]
