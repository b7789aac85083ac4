"""The sample data on disk, as made for the platform."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.io import fits

from tests.simulated import RunInLab, make_sample

pytestmark = pytest.mark.integration


def test_the_same_seed_gives_the_same_images_and_catalogs(
    sample: Path, labs_python: Path, tmp_path: Path
) -> None:
    make_sample(labs_python, tmp_path)

    images = files(sample, "*.fits")
    assert len(images) == 4 * 6 + 20
    for name in images:
        # Not byte for byte: gzip stores a timestamp.
        assert fits.FITSDiff(str(sample / name), str(tmp_path / name)).identical, name
    for name in [*files(sample, "*.parquet"), "preview.png"]:
        assert (sample / name).read_bytes() == (tmp_path / name).read_bytes(), name


def files(folder: Path, kind: str) -> list[Path]:
    return sorted(path.relative_to(folder) for path in folder.rglob(kind))


def test_what_is_there_is_not_made_again_and_what_is_missing_is(
    sample: Path, labs_python: Path
) -> None:
    preview, table = sample / "preview.png", sample / "catalog" / "object.parquet"
    old = table.stat().st_mtime_ns
    assert make_sample(labs_python, sample) == ""

    preview.unlink()
    assert "wrote preview.png" in make_sample(labs_python, sample)

    assert preview.exists()
    assert table.stat().st_mtime_ns == old


def test_everybody_may_read_and_only_the_owner_write(sample: Path) -> None:
    for path in sample.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        if path.parent != sample or path.name == "preview.png":
            assert mode & 0o022 == 0, path
            assert mode & 0o004, path


def test_nothing_half_made_stays_behind(sample: Path) -> None:
    assert not list(sample.rglob(".making-*"))


def test_what_is_not_a_number_is_null(sample: Path) -> None:
    table = pq.read_table(sample / "catalog" / "object.parquet")

    assert table["extendedness"].null_count == np.asarray(table["I_flag"]).sum()
    assert not np.isnan(table["extendedness"].drop_null().to_numpy()).any()


def test_the_butler_gives_images_parts_and_components(sample: Path, in_lab: RunInLab) -> None:
    said = in_lab(PROGRAM, ROOT=str(sample / "butler"))

    found = json.loads(said)
    assert found["coadds"] == 24
    assert found["calexps"] == 20
    assert found["near"] == 12
    assert found["far"] == 0
    assert found["same"]
    assert found["components"] == ["WCS", "PhotoCalib", "FilterLabel", "Box", "ImageF", "MaskX"]
    assert found["sky map"] == [62.13198, 3831, 10]
    assert found["camera"] == "R22_S11"
    assert "is not inside the image's" in found["outside"]
    assert "bbox must be (x0, y0, width, height)" in found["shapeless"]
    assert found["written"] == "refused"


PROGRAM = """
import json, os
import numpy as np
from lsst.daf.butler import Butler

butler = Butler(os.environ["ROOT"], collections="2.2i/runs/DP0.1")
coadds = {
    (ref.dataId["patch"], ref.dataId["band"]): ref for ref in butler.query_datasets("deepCoadd")
}
whole = butler.get(coadds[10, "i"])
box = (whole.bbox.x0 + 30, whole.bbox.y0 + 70, 40, 25)
part = butler.get(coadds[10, "i"], parameters={"bbox": box})
data_id = coadds[10, "i"].dataId

def overlaps(ra, dec):
    where = f"patch.region OVERLAPS POINT({ra}, {dec})"
    return len(butler.query_datasets("deepCoadd", where=where, explain=False))

def failure(bbox):
    try:
        butler.get(coadds[10, "i"], parameters={"bbox": bbox})
    except Exception as error:
        text = str(error)
        while error.__cause__ is not None:
            error = error.__cause__
            text += " " + str(error)
        return text

try:
    Butler(os.environ["ROOT"], writeable=False, run="u/me").put({}, "calexp", data_id)
    written = "done"
except Exception:
    written = "refused"

components = [
    type(butler.get(f"deepCoadd.{name}", data_id)).__name__
    for name in ("wcs", "photoCalib", "filter", "bbox", "image", "mask")
]
tract = butler.get("skyMap", skymap="DC2").find_tract(62.0, -37.0)
print(json.dumps({
    "coadds": len(coadds),
    "calexps": len(butler.query_datasets("calexp")),
    "near": overlaps(62.0, -37.0),
    "far": overlaps(150.0, 2.0),
    "same": bool(np.array_equal(part.image.array, whole.image.array[70:95, 30:70])),
    "components": components,
    "sky map": [round(tract.ra, 6), tract.id, tract.find_patch(62.0, -37.0).id],
    "camera": butler.get("camera", instrument="LSSTCam-imSim")[94].name,
    "outside": failure((0, 0, 10, 10)),
    "shapeless": failure((1, 2)),
    "written": written,
}))
"""
