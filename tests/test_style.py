"""What the linters cannot say of the sources: few escapes from the types, docstrings as sentences."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDERS = (
    "common/src",
    "hub/src",
    "services/src",
    "cli/src",
    "demo/src",
    "lab-extensions/firstlight-lab/src",
    "sampledata/src",
    "benchmarks",
)
PER_THOUSAND = 5
"""How often the word ``Any`` may stand in a thousand lines; it is for the edge of a framework."""
_ESCAPES = re.compile(r"\bAny\b|\bcast\(|(?<=: )object\b|(?<=\[)object\b|(?<=-> )object\b")


@pytest.fixture(scope="module")
def sources(repository: Path) -> dict[Path, str]:
    """Return the text of each module that is not a test."""
    files = (path for folder in FOLDERS for path in (repository / folder).rglob("*.py"))
    return {path.relative_to(repository): path.read_text(encoding="utf-8") for path in files}


@pytest.mark.parametrize("folder", FOLDERS)
def test_little_escapes_from_the_types(sources: dict[Path, str], folder: str) -> None:
    texts = [text for path, text in sources.items() if path.is_relative_to(folder)]
    lines = sum(text.count("\n") for text in texts)
    found = sum(len(_ESCAPES.findall(text)) for text in texts)
    assert lines > 100
    assert found <= PER_THOUSAND * lines / 1000


def test_no_rule_of_naming_is_waived(sources: dict[Path, str]) -> None:
    assert [str(path) for path, text in sources.items() if "noqa: N818" in text] == []


def test_every_docstring_is_a_sentence(sources: dict[Path, str]) -> None:
    short = [
        f"{path}:{line} {summary}"
        for path, text in sources.items()
        for line, summary in _summaries(text)
        if len(summary.split()) < 3 or not summary.endswith((".", ":"))
    ]
    assert short == []


def _summaries(text: str) -> Iterator[tuple[int, str]]:
    """Yield the first paragraph of each docstring of a function or class, and its line."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            docstring = ast.get_docstring(node)
            if docstring:
                yield node.lineno, docstring.partition("\n\n")[0]
