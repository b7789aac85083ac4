"""The isolation page says what the spawner says."""

from __future__ import annotations

import pytest

from firstlight_hub.spawner.models import Capabilities, Namespaces
from firstlight_hub.spawner.policy import guarantees
from tests.attacks.page import read_table

_ALL = frozenset({"memory", "cpu", "pids"})


def _capabilities(root: bool, able: bool) -> Capabilities:
    namespaces: Namespaces = "" if not able else ("root" if root else "user")
    reasons = {} if able else {"namespaces": "no", "cgroups": "no", "network": "no"}
    return Capabilities(root, namespaces, _ALL if able else frozenset(), reasons, able, able)


@pytest.mark.parametrize(
    ("column", "mode", "root"),
    [(0, "auto", True), (1, "auto", False), (2, "off", True), (3, "off", False)],
)
def test_the_table_says_what_is_held_in_each_mode(column: int, mode: str, root: bool) -> None:
    _, table = read_table("what")
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
