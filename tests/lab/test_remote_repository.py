"""A Butler repository at ``s3://``, read in a lab as by a person's notebook, with Rubin's calls.

The server is LocalBucket (a development dependency): a process of its own on loopback that speaks
S3 over HTTP, and keeps its buckets as folders. It checks no credentials. The files are uploaded to
it, so what the lab reads has come over the network; the registry is a file in the person's home.
The same repository on disk, also in the home, says what the pixels must be.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

from firstlight_hub.spawner import machine
from tests.lab_client import Kernel
from tests.lab_under_test import OWNER, Lab
from tests.platform_under_test import free_port, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

BUCKET = "observatory"
ROOT = f"s3://{BUCKET}/dp01"

#: What a notebook says first; `over_s3` and `on_disk` are the same repository.
PROLOGUE = """
import os, zipfile
from pathlib import Path
import boto3, numpy as np
from lsst.daf.butler import Butler
from firstlight_lab.geometry import Box
os.environ |= {{
    "S3_ENDPOINT_URL": "{url}", "AWS_ACCESS_KEY_ID": "vera", "AWS_SECRET_ACCESS_KEY": "unused",
    "AWS_DEFAULT_REGION": "us-east-1",
}}
home = Path.home()
collection = "2.2i/runs/DP0.1"
over_s3 = Butler(str(home / "over-s3"), collections=collection)
on_disk = Butler(str(home / "on-disk"), collections=collection)
refs = sorted(over_s3.query_datasets("deepCoadd"), key=lambda ref: str(ref.dataId))
ref = refs[0]
def same(one, other):
    return all(
        np.array_equal(getattr(one, plane).array, getattr(other, plane).array, equal_nan=True)
        for plane in ("image", "mask", "variance")
    )
"""


@contextmanager
def bucket_server(folder: Path) -> Iterator[str]:
    """Yield the address of an S3 server that keeps its buckets in a folder."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        log = stack.enter_context((folder / "server.log").open("wb"))
        command = [sys.executable, "-m", "localbucket", "--port", str(port), folder / "buckets"]
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        stack.callback(process.wait, 30)
        stack.callback(process.kill)

        def answers() -> bool:
            assert process.poll() is None, (folder / "server.log").read_text()
            try:
                return requests.get(url, timeout=5).ok
            except requests.ConnectionError:
                return False

        wait_for(answers, what="the S3 server")
        yield url


def upload(url: str, repository: Path) -> int:
    """Upload a repository's images and other datasets; return how many files there are."""
    requests.put(f"{url}/{BUCKET}", timeout=30).raise_for_status()
    files = [path for path in repository.rglob("*") if path.suffix in {".fits", ".json"}]
    for path in files:
        key = f"dp01/{path.relative_to(repository)}"
        requests.put(f"{url}/{BUCKET}/{key}", data=path.read_bytes(), timeout=60).raise_for_status()
    return len(files)


def give(lab: Lab, folder: Path) -> None:
    """Give a folder to the lab's person."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, *OWNER)


def repositories_in_home(lab: Lab, repository: Path) -> None:
    """Put the repository into the home, once with its files and once without, which are in S3."""
    on_disk, over_s3 = lab.home / "on-disk", lab.home / "over-s3"
    shutil.copytree(repository, on_disk)
    over_s3.mkdir()
    shutil.copy(repository / "gen3.sqlite3", over_s3)
    configuration = (repository / "butler.yaml").read_text()
    assert configuration.count("root: <butlerRoot>") == 1, configuration
    (over_s3 / "butler.yaml").write_text(
        configuration.replace("root: <butlerRoot>", f"root: {ROOT}")
    )
    for folder in (on_disk, over_s3):
        give(lab, folder)


@pytest.fixture(scope="module")
def kernel(
    tmp_path_factory: pytest.TempPathFactory,
    labs_python: Path,
    repository: Path,
    hub: str,
    sample: Path,
) -> Iterator[Kernel]:
    """Start a lab of half a core whose home has both repositories; yield its kernel."""
    state = Path(tempfile.mkdtemp(prefix="fl-", dir=tmp_path_factory.getbasetemp()))
    state.chmod(0o711)
    installation = machine.inspect(labs_python, state / "run" / "lab-python")
    lab = Lab(state, repository / "tutorials", hub, installation)
    lab.size = lab.size.model_copy(update={"cpu": 0.5})
    lab.own_network = False  # the server is on loopback, which no lab's network leads to
    with ExitStack() as stack:
        url = stack.enter_context(bucket_server(tmp_path_factory.mktemp("s3")))
        assert upload(url, sample / "butler") > 3
        stack.callback(lab.stop)
        lab.start()
        repositories_in_home(lab, sample / "butler")
        running = stack.enter_context(lab.kernel())
        running.run(PROLOGUE.format(url=url), seconds=120)
        yield running


def test_the_files_are_at_s3_and_nowhere_else(kernel: Kernel) -> None:
    said = kernel.run(
        "print({over_s3.getURI(each).scheme for each in refs},\n"
        "      {on_disk.getURI(each).scheme for each in refs},\n"
        "      list((home / 'over-s3').rglob('*.fits')), os.environ['CPU_LIMIT'])\n"
    )
    assert said.split() == ["{'s3'}", "{'file'}", "[]", "1"]


@pytest.mark.parametrize("dataset_type", ["deepCoadd", "calexp"])
def test_an_image_has_the_same_pixels(kernel: Kernel, dataset_type: str) -> None:
    said = kernel.run(
        f"each = min(over_s3.query_datasets('{dataset_type}'), key=lambda ref: str(ref.dataId))\n"
        "one, other = over_s3.get(each), on_disk.get(each)\n"
        "print(same(one, other), one.bbox == other.bbox, float(np.nanstd(one.image.array)) > 0)\n"
    )
    assert said.split() == ["True"] * 3


def test_a_cutout_has_the_same_pixels(kernel: Kernel) -> None:
    said = kernel.run(
        "whole = on_disk.get(ref)\n"
        "box = Box(whole.bbox.x0 + 30, whole.bbox.y0 + 20, 25, 15)\n"
        "one = over_s3.get(ref, parameters={'bbox': box})\n"
        "print(one.bbox == box, one.image.array.shape, same(one, whole[box]))\n"
    )
    assert said == "True (15, 25) True\n"


def test_a_component_and_json_are_read(kernel: Kernel) -> None:
    said = kernel.run(
        "one, other = (butler.get('deepCoadd.wcs', ref.dataId) for butler in (over_s3, on_disk))\n"
        "skymaps = [butler.get('skyMap', skymap='DC2') for butler in (over_s3, on_disk)]\n"
        "print(one.to_header() == other.to_header(), skymaps[0] == skymaps[1])\n"
    )
    assert said.split() == ["True", "True"]


def test_stored_and_stored_many_look_at_s3(kernel: Kernel) -> None:
    said = kernel.run(
        "print(over_s3.stored(ref), set(over_s3.stored_many(refs).values()))\n"
        "uri = over_s3.getURI(ref)\n"
        "content = uri.read()\n"
        "s3 = boto3.client('s3', endpoint_url=os.environ['S3_ENDPOINT_URL'])\n"
        "place = {'Bucket': uri.netloc, 'Key': uri.relativeToPathRoot}\n"
        "s3.delete_object(**place)\n"
        "many = over_s3.stored_many(refs)\n"
        "print(over_s3.stored(ref), sum(many.values()) == len(refs) - 1)\n"
        "s3.put_object(Body=content, **place)\n"
        "print(over_s3.stored(ref))\n"
    )
    assert said.split() == ["True", "{True}", "False", "True", "True"]


def test_artifacts_are_retrieved(kernel: Kernel) -> None:
    said = kernel.run(
        "found = over_s3.retrieveArtifacts(refs[:3], str(home / 'artifacts') + '/')\n"
        "sources = [on_disk.getURI(each).read() for each in refs[:3]]\n"
        "print(len(found), {uri.scheme for uri in found},\n"
        "      sorted(uri.read() for uri in found) == sorted(sources))\n"
    )
    assert said.split() == ["3", "{'file'}", "True"]


def test_artifacts_are_retrieved_in_a_zip_file(kernel: Kernel) -> None:
    said = kernel.run(
        "path = over_s3.retrieve_artifacts_zip(refs[:3], str(home / 'zipped') + '/')\n"
        "with zipfile.ZipFile(path.ospath) as file:\n"
        "    content = [file.read(name) for name in file.namelist() if name.endswith('.fits')]\n"
        "sources = [on_disk.getURI(each).read() for each in refs[:3]]\n"
        "print(len(content), sorted(content) == sorted(sources))\n"
    )
    assert said.split() == ["3", "True"]
