"""The tables of the isolation page, as tests read them."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["PAGE", "read_table"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "isolation.md"


def read_table(first: str) -> tuple[list[str], dict[str, list[str]]]:
    """Return the columns of the table whose first column has a name, and its cells by row."""
    lines = PAGE.read_text(encoding="utf-8").split(f"\n| {first} |", 1)[1]
    table = re.match(r".*\n(?:\|.*\n)+", f"| {first} |{lines}")
    assert table, first
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table[0].splitlines()]
    (_, *columns), _, *others = rows
    return columns, {name: cells for name, *cells in others}
