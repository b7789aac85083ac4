"""The documentation builds without a warning, and its pictures say what is in them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest


def test_builds_without_a_warning(docs: Path, tmp_path: Path) -> None:
    # Reads every page and follows every link, as HTML does, but writes nothing: half the time.
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "dummy"]
    done = subprocess.run(
        [*command, "-d", str(tmp_path / "doctrees"), str(docs), str(tmp_path / "nothing")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    for page in ("explanation/architecture", "reference/api/firstlight_hub.auth"):
        assert (tmp_path / "doctrees" / f"{page}.doctree").exists()


@pytest.mark.parametrize("name", ["components.svg", "login-to-lab.svg", "query-to-table.svg"])
def test_every_diagram_has_words_for_who_cannot_see_it(docs: Path, name: str) -> None:
    picture = ElementTree.parse(docs / "_static" / name).getroot()
    found = {element.tag.rpartition("}")[2]: element.text for element in picture}

    assert picture.get("role") == "img"
    assert found["title"]
    assert len(found["desc"] or "") > 100
