"""The page that says where a change goes: its paths exist, or are new in a folder that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.conftest import DOCS

PAGE = (DOCS / "contributing" / "where-does-it-go.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| change", "|---"))
]
PLANNED = {
    "admission policy",
    "waiting room",
    "uws jobs",
    "new query engine",
    "cutouts",
    "kubespawner",
    "helm values",
    "approval",
    "jupyterlab extension",
    "capacity tests",
    "culling",
    "tutorial",
    "metric",
    "backup",
}
_NEW = re.compile(r"`([^`]+/)` › ((?:\*new\* `[^`]+`(?:, )?)+)")
_PATH = re.compile(r"`([a-z-]+/[^` ]*)`")


def test_the_page_answers_for_the_changes_that_are_planned() -> None:
    changes = " ".join(row[0].lower() for row in ROWS)
    assert [change for change in PLANNED if change not in changes] == []
    assert len(ROWS) >= 20


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_row_names_code_test_and_document(row: list[str]) -> None:
    assert len(row) == 4
    assert all(row)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_paths_exist(row: list[str], repository: Path) -> None:
    existing = [path for cell in row[1:] for path in _PATH.findall(_NEW.sub(r"`\1`", cell))]
    assert [path for path in existing if not (repository / path).exists()] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_is_new_does_not_exist_yet_but_its_folder_does(
    row: list[str], repository: Path
) -> None:
    for cell in row[1:]:
        for folder, files in _NEW.findall(cell):
            assert (repository / folder).is_dir()
            for name in re.findall(r"`([^`]+)`", files):
                assert not (repository / folder / name).exists()


def test_nothing_is_marked_new_without_its_folder() -> None:
    assert "*new*" not in "".join(_NEW.sub("", cell) for row in ROWS for cell in row)
