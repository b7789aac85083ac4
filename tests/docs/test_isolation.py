"""The isolation page says what the spawner says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from firstlight_hub.spawner.models import Capabilities, Namespaces
from firstlight_hub.spawner.policy import guarantees
from tests.docs.conftest import DOCS

PAGE = DOCS / "explanation" / "isolation.md"
_ALL = frozenset({"memory", "cpu", "pids"})


def _table(page: Path) -> dict[str, list[str]]:
    rows = re.findall(r"^\| ([^|]+) \|(.+)\|$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: [cell.strip() for cell in cells.split("|")] for name, cells in rows[1:]}


def _capabilities(root: bool, able: bool) -> Capabilities:
    namespaces: Namespaces = "" if not able else ("root" if root else "user")
    reasons = {} if able else {"namespaces": "no", "cgroups": "no", "network": "no"}
    return Capabilities(root, namespaces, _ALL if able else frozenset(), reasons, able, able)


@pytest.mark.parametrize(
    ("column", "mode", "root"),
    [(0, "auto", True), (1, "auto", False), (2, "off", True), (3, "off", False)],
)
def test_the_table_says_what_is_held_in_each_mode(column: int, mode: str, root: bool) -> None:
    table = _table(PAGE)
    best = {g.name: g.enforced for g in guarantees(mode, _capabilities(root, able=True))}
    # As root, private namespaces can always be made; only control groups, filters and networks may be missing.
    least_able = _capabilities(root, able=False)
    if root:
        reasons = {"cgroups": "no", "network": "no"}
        least_able = Capabilities(True, "root", frozenset(), reasons, filters=False, network=False)
    least = {g.name: g.enforced for g in guarantees(mode, least_able)}

    assert list(table) == list(best)
    for name, cells in table.items():
        expected = "yes" if least[name] else ("if" if best[name] else "no")
        assert cells[column].split()[0] == expected, name
