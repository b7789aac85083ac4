"""The documentation's pages, and what is in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
_BLOCK = re.compile(r"^```([a-z]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of code on a page."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Return all pages, and those at the repository's top."""
    top = [DOCS.parent / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
    return [*top, *sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)]


def blocks(language: str) -> list[Block]:
    """Return the blocks of a language, of all pages."""
    found = []
    for path in pages():
        text = path.read_text(encoding="utf-8")
        for match in _BLOCK.finditer(text):
            if match[1] == language:
                line = text.count("\n", 0, match.start()) + 1
                name = str(path.relative_to(DOCS.parent))
                found.append(Block(name, line, language, match[2]))
    return found


def reference(name: str) -> str:
    """Return a page of the reference."""
    return (DOCS / "reference" / f"{name}.md").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def docs() -> Path:
    return DOCS
