"""What the image service tells about its repositories, and to whom."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from firstlight_services.butler.service import Repositories
from firstlight_services.butler.store import read
from firstlight_services.web import ServiceError

CALEXP = "2.2i/runs/DP0.1/calexp/v1"
COADD = "2.2i/runs/DP0.1/coadd/wfd/dr6/v1"


async def _dp01(images: Any) -> Any:
    answer = await images.get("repo/dp01/")
    assert answer.code == 200, answer.body
    return json.loads(answer.body)


@pytest.mark.parametrize("path", ["repo/", "repo/dp01/", "repo/nowhere/"])
async def test_answers_nobody_without_a_token(images: Any, path: str) -> None:
    answer = await images.get(path, token=None)

    assert answer.code == 401
    assert json.loads(answer.body)["error"]["code"] == "token_required"


@pytest.mark.parametrize("path", ["repo/", "repo/dp01/"])
async def test_answers_nobody_whose_token_is_for_other_things(images: Any, path: str) -> None:
    answer = await images.get(path, token="narrow-token")

    assert answer.code == 403
    assert json.loads(answer.body)["error"]["code"] == "scope_missing"


async def test_lists_the_repositories_at_their_public_addresses(images: Any) -> None:
    answer = json.loads((await images.get("repo/")).body)

    url = "http://127.0.0.1:8000/api/butler/repo/dp01/"
    assert answer == {"repositories": [{"label": "dp01", "url": url}]}


async def test_tells_collections_with_type_and_children(dp01: Any) -> None:
    found = {entry.pop("name"): entry for entry in (await _dp01(dp01))["collections"]}

    assert found == {
        "2.2i/runs/DP0.1": {"type": "CHAINED", "children": [CALEXP, COADD]},
        CALEXP: {"type": "RUN", "children": []},
        COADD: {"type": "RUN", "children": []},
        "a/selection": {"type": "TAGGED", "children": []},
    }


async def test_tells_dataset_types_even_those_that_only_labs_can_read(dp01: Any) -> None:
    assert (await _dp01(dp01))["dataset_types"] == [
        {
            "name": "calexp",
            "dimensions": ["instrument", "detector"],
            "storage_class": "OnlyLabsKnow",
            "datasets": 2,
        },
        {"name": "skyMap", "dimensions": ["skymap"], "storage_class": "SkyMap", "datasets": 0},
    ]


async def test_tells_instruments_and_skymaps(dp01: Any) -> None:
    found = await _dp01(dp01)

    assert found["label"] == "dp01"
    assert found["instruments"] == [{"name": "LSSTCam-imSim", "detectors": 2}]
    assert found["skymaps"] == [{"name": "DC2", "tracts": 18938, "patches": [7, 7]}]


async def test_an_unknown_label_is_a_404_that_names_the_nearest(images: Any) -> None:
    answer = await images.get("repo/dp1/")
    error = json.loads(answer.body)["error"]

    assert answer.code == 404
    assert error["code"] == "repository_unknown"
    assert "Did you mean dp01?" in error["message"]
    assert error["hint"] == "The repositories of this site: dp01."


@pytest.mark.parametrize("label", ["..", "%2e%2e", "%2e%2e%2fsecrets", "dp01%00", "%ff", "a" * 500])
async def test_odd_labels_lead_nowhere(dp01: Any, label: str) -> None:
    assert (await dp01.get(f"repo/{label}/")).code in {400, 404}


async def test_a_site_without_repositories_says_so(tmp_path: Path) -> None:
    with pytest.raises(ServiceError) as refused:
        await Repositories({}).describe("dp01")

    assert refused.value.hint == "This site has no image repositories."


async def test_a_missing_repository_is_a_503_that_says_so(images: Any) -> None:
    answer = await images.get("repo/dp01/")
    error = json.loads(answer.body)["error"]

    assert answer.code == 503
    assert error["code"] == "repository_unavailable"
    assert error["message"] == "The image repository dp01 does not exist yet."
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize("broken", ["butler.yaml", "gen3.sqlite3"])
async def test_an_unreadable_repository_is_a_503_without_internals(
    dp01: Any, broken: str, tmp_path: Path
) -> None:
    (dp01.repository / broken).write_bytes(b"\x00 this is no repository: [")
    answer = await dp01.get("repo/dp01/")

    assert answer.code == 503
    error = json.loads(answer.body)["error"]
    assert error["message"] == "The image repository dp01 cannot be read at the moment."
    assert str(tmp_path).encode() not in answer.body


async def test_a_repository_that_comes_later_is_found(images: Any, small_repository: Path) -> None:
    assert (await images.get("repo/dp01/")).code == 503
    shutil.copytree(small_repository, images.repository)

    assert (await images.get("repo/dp01/")).code == 200


async def test_what_is_asked_for_leaves_no_trace_in_the_repository(dp01: Any) -> None:
    def content() -> dict[str, str]:
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in dp01.repository.iterdir()
        }

    before = content()
    await _dp01(dp01)
    assert content() == before


async def test_reads_a_repository_whose_files_may_only_be_read(dp01: Any) -> None:
    for path in dp01.repository.iterdir():
        path.chmod(0o444)
    dp01.repository.chmod(0o555)
    try:
        await _dp01(dp01)
    finally:
        dp01.repository.chmod(0o755)


def test_the_database_itself_refuses_to_write(
    small_repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also below the Butler, whose own refusal would be a courtesy."""
    import sqlalchemy

    from firstlight_services.butler import store

    def write(butler: Any, label: str) -> None:
        engine = butler._registry._db._engine
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("CREATE TABLE mine (x INTEGER)"))

    monkeypatch.setattr(store, "_describe", write)
    with pytest.raises(OperationalError, match="readonly database"):
        read(small_repository, "dp01")


async def test_health_needs_no_login_and_no_repository(images: Any) -> None:
    answer = await images.get("healthz", token=None)

    assert answer.code == 200
    assert json.loads(answer.body) == {"status": "ok", "version": "0.0"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_a_repository_closed_to_the_service_is_a_503(dp01: Any) -> None:
    dp01.repository.chmod(0)
    try:
        assert (await dp01.get("repo/dp01/")).code == 503
    finally:
        dp01.repository.chmod(0o755)


async def test_a_change_is_seen(dp01: Any) -> None:
    await _dp01(dp01)
    with sqlite3.connect(dp01.repository / "gen3.sqlite3") as database:
        database.execute("UPDATE skymap SET tract_max = 5")
    database.close()

    assert (await _dp01(dp01))["skymaps"][0]["tracts"] == 5
