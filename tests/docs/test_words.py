"""The glossary's preferred words are searched for, and what it replaces is found."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.docs.conftest import DOCS

GLOSSARY = """\
| `before` | not of the table |

## Preferred words

| not | but |
|---|---|
| part, `is blue`, `are blue` | component |
| `tint` | fix |
"""


@pytest.fixture(scope="module")
def words() -> ModuleType:
    """Return the program, which is not of a package."""
    spec = importlib.util.spec_from_file_location("words", DOCS.parent / "scripts" / "words.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["words"] = module  # a dataclass looks its module up
    spec.loader.exec_module(module)
    return module


def test_the_table_names_what_is_searched_for_and_what_is_better(words: ModuleType) -> None:
    found = words.preferences(GLOSSARY)

    assert [(entry.phrase, entry.better) for entry in found] == [
        ("is blue", "component"),
        ("are blue", "component"),
        ("tint", "fix"),
    ]


def test_the_glossary_has_such_a_table(words: ModuleType) -> None:
    assert words.preferences((DOCS / "glossary.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one\nThe hub Is  blue.\n", [2]),
        ("# The hub is\n# blue, and TAP is blue.\n", [1, 2]),
        ('    "The hub is "\n    f"blue."\n', [1]),
        ("this blue, retint, a tint-all, put_blue = is_blue\n", []),
        ("Tint it.\n", [1]),
    ],
)
def test_a_phrase_is_found_across_lines_and_as_whole_words(
    words: ModuleType, tmp_path: Path, text: str, lines: list[int]
) -> None:
    page = Path("page.md")
    (tmp_path / page).write_text(text)
    found = words.find(tmp_path, [page], words.preferences(GLOSSARY))

    assert [finding.line for finding in found] == lines


def test_history_and_what_is_installed_are_left_alone(words: ModuleType, tmp_path: Path) -> None:
    for name in ("docs/decisions/1.md", "hub/node_modules/a.js", ".venv/a.py", "docs/a.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("It is blue.\n")
    found = words.find(tmp_path, words.texts(tmp_path), words.preferences(GLOSSARY))

    assert [str(finding.path) for finding in found] == ["docs/a.md"]
