"""A site with two data sets: catalogs, images, portal, discovery and labs know both."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io.votable import parse_single_table

from tests.lab_client import Kernel, KernelAddress, address_in_lab
from tests.platform_under_test import Platform

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

FELIS = """
name: survey_catalogs
description: A second survey.
tables:
  - name: star
    "@id": "#star"
    description: Its stars.
    primaryKey: "#star.id"
    columns:
      - {name: id, "@id": "#star.id", datatype: long, nullable: false, description: Identifier,
         "ivoa:ucd": meta.id}
      - {name: ra, "@id": "#star.ra", datatype: double, description: Right ascension,
         "fits:tunit": deg, "ivoa:ucd": "pos.eq.ra;meta.main"}
      - {name: dec, "@id": "#star.dec", datatype: double, description: Declination,
         "fits:tunit": deg, "ivoa:ucd": "pos.eq.dec;meta.main"}
"""
LABELS = {"dp01", "survey"}


@pytest.fixture(scope="module")
def site(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Run a platform with the sample and a second data set of its own."""
    folder = tmp_path_factory.mktemp("two-data-sets")
    catalog = folder / "catalog"
    catalog.mkdir()
    stars = {"id": [1, 2], "ra": [10.0, 10.1], "dec": [-5.0, -5.1]}
    pq.write_table(pa.table(stars), catalog / "star.parquet")
    (folder / "survey.yaml").write_text(FELIS)
    shutil.copytree(platform.state_dir / "data" / "sample" / "butler", folder / "butler")
    config = folder / "platform.yaml"
    config.write_text(
        f"""
datasets:
  - label: survey
    title: A second survey
    felis: survey.yaml
    catalog: {catalog}
    repository: butler
    collections: [2.2i/runs/DP0.1]
    position: {{ra: 10.05, dec: -5.05}}
  - {{label: dp01, title: The sample, sample: true}}
services: {{token_cache: 1s}}
"""
    )
    running = Platform(folder / "var", config=config, demo=True).take_data_of(platform)
    running.start()
    running.login("mira-member")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def token(site: Platform) -> str:
    return site.token("mira-member")


@pytest.fixture(scope="module")
def address(site: Platform) -> Iterator[KernelAddress]:
    with address_in_lab(site, "mira-member") as found:
        yield found


@pytest.fixture
def lab(address: KernelAddress) -> Iterator[Kernel]:
    with address.connected() as kernel:
        yield kernel


def test_one_catalog_service_has_the_tables_of_both(site: Platform, token: str) -> None:
    adql = "SELECT schema_name FROM tap_schema.schemas ORDER BY schema_name"
    answer = site.query(adql, token)
    assert answer.ok, answer.text
    names = [str(row[0]) for row in parse_single_table(io.BytesIO(answer.content)).array]
    assert names == ["dp01_dc2_catalogs", "survey_catalogs", "tap_schema"]
    tables = site.get("/api/tap/tables", token).text
    assert "survey_catalogs.star" in tables
    assert "dp01_dc2_catalogs.object" in tables


def test_a_query_may_join_both(site: Platform, token: str) -> None:
    adql = (
        "SELECT TOP 1 s.id, o.objectId FROM survey_catalogs.star AS s "
        "JOIN dp01_dc2_catalogs.object AS o ON s.ra < o.ra ORDER BY s.id"
    )
    answer = site.query(adql, token)
    assert answer.ok, answer.text
    assert len(parse_single_table(io.BytesIO(answer.content)).array) == 1


def test_the_image_service_has_both_repositories(site: Platform, token: str) -> None:
    told = site.get("/api/butler/repo/", token).json()["repositories"]
    assert {one["label"] for one in told} == LABELS
    for label in LABELS:
        assert site.get(f"/api/butler/repo/{label}/", token).json()["label"] == label


def test_the_portal_offers_both_and_starts_from_the_first(site: Platform) -> None:
    session = site.login("mira-member")
    page = session.get(f"{site.url}/portal/app", timeout=30).text
    assert "A second survey" in page
    assert "The sample" in page
    assert 'value="10.05"' in page
    assert "survey_catalogs.star" in page


def test_a_lab_is_told_of_both(lab: Kernel) -> None:
    program = (
        "import json, os; from pathlib import Path; "
        "found = Path(os.environ['NUBLADO_RUNTIME_MOUNTS_DIR']) / 'discovery' / 'v1.json'; "
        "print(json.dumps([sorted(json.loads(found.read_text())['datasets']), "
        "sorted(json.loads(os.environ['DAF_BUTLER_REPOSITORIES']))]))"
    )
    assert json.loads(lab.run(program)) == [sorted(LABELS), sorted(LABELS)]


def test_a_lab_opens_images_of_both(lab: Kernel) -> None:
    program = (
        "from lsst.daf.butler import Butler; "
        "print([Butler(label, collections='2.2i/runs/DP0.1').registry.defaults.collections[0] "
        "for label in ('survey', 'dp01')])"
    )
    assert lab.run(program).strip() == "['2.2i/runs/DP0.1', '2.2i/runs/DP0.1']"


def test_a_data_set_that_is_wrong_is_named_with_its_line(site: Platform, tmp_path: Path) -> None:
    config = tmp_path / "platform.yaml"
    config.write_text("datasets:\n  - label: a\n    catalog: /nowhere\n")
    done = site.cli("doctor", "--config", str(config), check=False)
    assert "felis" in done.stdout
    assert "platform.yaml:3:5" in done.stdout
