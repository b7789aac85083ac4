"""The notebooks in the repository; `tests/integration` runs them."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.simulated import RunInLab

TUTORIALS = sorted((Path(__file__).resolve().parents[2] / "tutorials").glob("*.ipynb"))


@pytest.fixture(params=TUTORIALS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def notebook(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def code(notebook: dict[str, Any]) -> list[str]:
    return ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]


def test_there_is_a_first_one() -> None:
    assert TUTORIALS[0].name == "01-first-light.ipynb"


def test_is_a_valid_notebook(in_lab: RunInLab) -> None:
    said = in_lab(
        "import nbformat, os\n"
        "for path in os.environ['TUTORIALS'].split(':'):\n"
        "    nbformat.validate(nbformat.read(path, as_version=nbformat.NO_CONVERT))\n"
        "    print('valid')\n",
        TUTORIALS=":".join(map(str, TUTORIALS)),
    )

    assert said.split() == ["valid"] * len(TUTORIALS)


def test_has_no_outputs_and_no_traces_of_a_run(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        assert cell["metadata"] == {}
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None


def test_cell_ids_are_unique_words(notebook: dict[str, Any]) -> None:
    ids = [cell["id"] for cell in notebook["cells"]]

    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in ids), ids


def test_runs_with_the_kernel_that_labs_have(notebook: dict[str, Any]) -> None:
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert "version" not in notebook["metadata"]["language_info"]


def test_says_something_before_each_cell_of_code(notebook: dict[str, Any]) -> None:
    kinds = [cell["cell_type"] for cell in notebook["cells"]]

    assert kinds[0] == "markdown"
    assert "code code" not in " ".join(kinds)


def test_code_is_python_without_secrets_or_addresses(notebook: dict[str, Any]) -> None:
    for source in code(notebook):
        ast.parse(source)
        assert "http" not in source
        assert "token" not in source.lower()


def test_the_first_one_has_ten_cells_and_says_when_it_is_done() -> None:
    cells = code(json.loads(TUTORIALS[0].read_text(encoding="utf-8")))

    assert len(cells) == 10
    assert "First light: done" in cells[-1].splitlines()[-1]
