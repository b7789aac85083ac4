"""A hostile lab tries what the isolation page lists, on platforms of root and of an ordinary user.

The page says what stops each attempt and what the lab sees of it, in quotation marks.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.attacks.hostile import ATTACKS
from tests.attacks.page import read_table
from tests.attacks.programs import DONE
from tests.attacks.site import HOSTILE, NEIGHBOUR, Person, Site
from tests.lab_client import new_kernel, start_lab, stop_lab
from tests.platform_under_test import Platform

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

(STOPPED, *COLUMNS), TABLE = read_table("what it tries")
SITES = {"as root": "root", "as an ordinary user": "ordinary"}
CONDITIONS = {
    "if the kernel allows it": "Private files",
    "if the kernel can redirect connections": "Outgoing connections",
    "if the kernel can filter system calls": "No user namespaces",
    "if control groups are writable": "Memory limit",
}
"""What a cell makes a condition, and what the platform calls that."""


@pytest.fixture(scope="module")
def root(platform: Platform) -> Iterator[Site]:
    """Start two labs of root's platform."""
    with labs_of(platform, ordinary=False) as site:
        yield site


@pytest.fixture(scope="module")
def ordinary(ordinary_platform: Platform) -> Iterator[Site]:
    """Start two labs of an ordinary user's platform."""
    with labs_of(ordinary_platform, ordinary=True) as site:
        yield site


@contextmanager
def labs_of(platform: Platform, *, ordinary: bool) -> Iterator[Site]:
    """Start two labs, and a kernel in each."""
    assert platform.process is not None
    # A process that root puts into the platform's user namespace is like the platform there.
    enter = ("nsenter", "--user", "--preserve-credentials", "--target", str(platform.process.pid))
    account = enter if ordinary and os.geteuid() == 0 else ()
    people = []
    for name in (HOSTILE, NEIGHBOUR):
        platform.login(name)
        start_lab(platform, name)
        token = platform.hub("POST", f"/users/{name}/tokens", json={"expires_in": 3600}).json()
        people.append(Person(platform, name, new_kernel(platform, name, token["token"])))
    hostile, neighbour = people
    yield Site(platform, hostile, neighbour, account=account, ordinary=ordinary)
    for person in people:
        stop_lab(platform, person.name)


def test_the_page_and_the_attacks_are_one_table() -> None:
    assert STOPPED == "what stops it"
    assert list(SITES) == COLUMNS
    assert list(TABLE) == list(ATTACKS)


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("row", TABLE)
def test_an_attack_fails_for_the_reason_that_the_page_gives(
    row: str, column: str, request: pytest.FixtureRequest
) -> None:
    stopped, *cells = TABLE[row]
    cell = cells[COLUMNS.index(column)]
    kind = cell.partition(" ")[0]
    assert kind in {"yes", "no:", "if"}, cell
    if column == "as root" and os.geteuid() != 0:
        pytest.skip("only root can try this")
    site: Site = request.getfixturevalue(SITES[column])
    if kind == "if":
        enforced, detail = site.is_enforced(CONDITIONS[cell])
        if not enforced:
            pytest.skip(detail)

    tries = ATTACKS[row](site)

    assert tries.control, "nothing shows that the attack could succeed"
    assert set(tries.control.values()) == {DONE}, tries.control
    assert tries.attempt
    if kind == "no:":
        assert set(tries.attempt.values()) == {DONE}, tries.attempt
    else:
        reasons = set(re.findall(r'"([^"]+)"', stopped))
        assert set(tries.attempt.values()) <= reasons, tries.attempt
