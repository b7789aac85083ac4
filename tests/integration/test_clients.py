"""The clients that astronomers use, unchanged, from the labs' environment against the platform."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.platform_under_test import Platform

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def token(platform: Platform) -> str:
    platform.login("mira-member")
    return platform.token("mira-member")


@pytest.fixture(scope="module")
def environment(
    platform: Platform, labs_python: Path, token: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Yield what a lab's environment says, for a program outside of a lab."""
    config_dir = subprocess.run(
        [labs_python, "-c", "import firstlight_lab; print(firstlight_lab.config_dir())"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    with TemporaryDirectory(prefix="firstlight-") as sockets:  # a short path, as in a lab
        yield {
            **{key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ},
            "HOME": str(tmp_path_factory.mktemp("home")),
            "JUPYTER_RUNTIME_DIR": sockets,
            "ACCESS_TOKEN": token,
            "EXTERNAL_INSTANCE_URL": platform.url,
            "DAF_BUTLER_CONFIG_PATH": config_dir,
            "DAF_BUTLER_REPOSITORIES": json.dumps(
                {"dp01": str(platform.state_dir / "data" / "sample" / "butler" / "butler.yaml")}
            ),
        }


def run(labs_python: Path, environment: dict[str, str], program: str) -> str:
    done = subprocess.run(
        [labs_python, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_lsst_rsp_finds_the_catalogs(labs_python: Path, environment: dict[str, str]) -> None:
    out = run(
        labs_python,
        environment,
        """
from lsst.rsp import get_tap_service
service = get_tap_service("tap")
table = service.search("SELECT COUNT(*) AS n FROM dp01_dc2_catalogs.object").to_table()
print(table["n"][0])
""",
    )
    assert int(out.split()[-1]) > 1000


def test_pyvo_reads_tables_and_a_cone(labs_python: Path, environment: dict[str, str]) -> None:
    out = run(
        labs_python,
        environment,
        """
import os, pyvo, requests
session = requests.Session()
session.headers["Authorization"] = "Bearer " + os.environ["ACCESS_TOKEN"]
service = pyvo.dal.TAPService(os.environ["EXTERNAL_INSTANCE_URL"] + "/api/tap", session=session)
assert "dp01_dc2_catalogs.object" in service.tables.keys(), list(service.tables.keys())
centre = service.search("SELECT AVG(ra) AS ra, AVG(dec) AS dec FROM dp01_dc2_catalogs.object").to_table()[0]
cone = service.search(
    "SELECT objectId, ra, dec FROM dp01_dc2_catalogs.object WHERE CONTAINS(POINT('ICRS', ra, dec), "
    f"CIRCLE('ICRS', {centre['ra']}, {centre['dec']}, 0.01)) = 1 ORDER BY objectId"
).to_table()
print(len(cone), cone["ra"].unit)
""",
    )
    count, unit = out.split()[-2:]
    assert int(count) > 5
    assert unit == "deg"


def test_a_wrong_query_says_where_and_why(labs_python: Path, environment: dict[str, str]) -> None:
    out = run(
        labs_python,
        environment,
        """
from lsst.rsp import get_tap_service
try:
    get_tap_service("tap").search("SELECT objectIdd FROM dp01_dc2_catalogs.object")
except Exception as error:
    print(error)
""",
    )
    assert "objectId" in out
    assert "column" in out.lower()


def test_the_butler_gives_the_image_behind_the_catalog(
    labs_python: Path, environment: dict[str, str]
) -> None:
    out = run(
        labs_python,
        environment,
        """
import numpy as np
from lsst.daf.butler import Butler
butler = Butler("dp01", collections="2.2i/runs/DP0.1")
refs = sorted(butler.query_datasets("deepCoadd"), key=lambda ref: str(ref.dataId))
image = butler.get(refs[0])
print(len(refs), len(butler.query_datasets("calexp")), float(np.nanstd(image.image.array)))
""",
    )
    coadds, calexps, spread = out.split()[-3:]
    assert int(coadds) >= 3
    assert int(calexps) >= 3
    assert float(spread) > 0


def test_the_tutorial_runs_to_its_last_cell(
    labs_python: Path, environment: dict[str, str], repository: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [
            *(labs_python, "-m", "jupyter", "nbconvert", "--to", "notebook", "--execute"),
            *("--output-dir", tmp_path, repository / "tutorials" / "01-first-light.ipynb"),
        ],
        env={**environment, "PATH": f"{labs_python.parent}:{environment.get('PATH', '')}"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    cells = json.loads((tmp_path / "01-first-light.ipynb").read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not [output for output in outputs if output["output_type"] == "error"]
