"""The real clients of the labs' environment against a service process of its own."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.tap.process import TapProcess, tap_process

LABS = Path(__file__).parents[3] / ".venv-labs" / "bin" / "python"

pytestmark = pytest.mark.skipif(not LABS.exists(), reason="the labs' environment is not installed")

SCRIPT = """
import json, sys, warnings
warnings.simplefilter("ignore")
import pyvo
import requests
from astropy.table import Table
from lsst.rsp import get_tap_service

service = get_tap_service("tap")
said = {"url": service.baseurl, "maxrec": service.maxrec, "hardlimit": service.hardlimit}
table = service.tables["dp01_dc2_catalogs.object"]
said["tables"] = sorted(service.tables.keys())
said["ra"] = [[str(c.unit), c.ucd, c.datatype.content] for c in table.columns if c.name == "ra"][0]
found = service.search(
    "SELECT TOP 100 objectId, ra, dec, mag_i, clean, patch FROM dp01_dc2_catalogs.object "
    "WHERE CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 62.0, -37.0, 0.05)) = 1"
)
rows = found.to_table()
said["unit"] = str(rows["ra"].unit)
said["rows"] = len(rows)
said["kinds"] = [str(rows[name].dtype) for name in rows.colnames]
said["synchronous"] = len(service.run_sync("SELECT * FROM tap_schema.tables"))
cut = service.search("SELECT ra FROM object", maxrec=3)
said["cut"] = [len(cut), cut.status[0]]
outside = service.search(
    "SELECT ra FROM object WHERE CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 180, 5, 1)) = 1"
)
infos = {info.name: info for info in outside.votable.resources[0].infos}
said["outside"] = [len(outside), infos["coverage"].value, infos["coverage"].content]
try:
    service.search("SELECT mag_j FROM object")
except pyvo.dal.DALServiceError as error:
    said["error"] = str(error)
except pyvo.dal.DALQueryError as error:
    said["error"] = error.reason
for way in (service.submit_job, service.run_async):
    try:
        way("SELECT 1")
    except pyvo.dal.DALServiceError as error:
        said.setdefault("later", []).append(str(error))
upload = Table({"a": [1, 2]})
try:
    service.search("SELECT * FROM tap_upload.t", uploads={"t": upload})
except pyvo.dal.DALQueryError as error:
    said["upload"] = str(error)
session = requests.Session()
session.headers["Authorization"] = "Bearer vera-token"
plain = pyvo.dal.TAPService(service.baseurl, session=session)
basic = pyvo.auth.AuthSession()
basic.credentials.set_password("vera", "vera-token")
basic.add_security_method_for_url(service.baseurl, pyvo.auth.securitymethods.BASIC)
named = pyvo.dal.TAPService(service.baseurl, session=basic)
said["others"] = [
    [len(one.tables["tap_schema.keys"].columns), len(one.search("SELECT TOP 2 ra FROM object"))]
    for one in (plain, named)
]
anonymous = pyvo.dal.TAPService(service.baseurl)
said["available"] = anonymous.available
said["features"] = [len(one.features) for one in anonymous.get_tap_capability().languages[0].languagefeaturelists]
try:
    anonymous.search("SELECT 1")
    said["anonymous"] = "allowed"
except Exception as error:
    said["anonymous"] = str(error)
print(json.dumps(said))
"""


@pytest.fixture
async def running(state: Path, tmp_path: Path) -> AsyncIterator[TapProcess]:
    async with tap_process(state, tmp_path, "vera") as started:
        yield started
        started.process.terminate()
        assert await started.process.wait() == 0
        log = await started.log
        assert b"mag_j" not in log.replace(b"no column mag_j", b"").replace(b"  SELECT mag_j", b"")


async def test_pyvo_and_lsst_rsp_are_served(running: TapProcess) -> None:
    process = await asyncio.create_subprocess_exec(
        str(LABS), "-c", SCRIPT,
        env={
            **os.environ,
            "EXTERNAL_INSTANCE_URL": running.url,
            "ACCESS_TOKEN": "vera-token",
        },
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    said: dict[str, Any] = json.loads(out)
    assert said["url"] == f"{running.url}/api/tap"
    assert (said["maxrec"], said["hardlimit"]) == (100_000, 5_000_000)
    assert "dp01_dc2_catalogs.forced_photometry" in said["tables"]
    assert "tap_schema.columns" in said["tables"]
    assert said["ra"] == ["deg", "pos.eq.ra", "double"]
    assert said["unit"] == "deg"
    assert 1 <= said["rows"] <= 100
    assert said["kinds"][:5] == ["int64", "float64", "float64", "float64", "bool"]
    assert said["synchronous"] == 10
    assert said["cut"] == [3, "OVERFLOW"]
    assert said["outside"][:2] == [0, "outside"]
    assert "has no data in the area of this query" in said["outside"][2]
    assert "There is no column mag_j" in said["error"]
    assert len(said["later"]) == 2
    for words in said["later"]:
        assert (
            "Asynchronous queries are not supported yet. Use sync: service.search(query)" in words
        )
    assert "cannot be uploaded" in said["upload"]
    assert said["others"] == [[5, 2], [5, 2]]
    assert said["available"] is True
    assert said["features"][0] == 7
    assert "401" in said["anonymous"] or "Log in" in said["anonymous"]
