"""Each promise of the isolation page, row by row and column by column, is attacked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest

from tests.attacks.bare_labs import NO_LABS
from tests.attacks.page import read_table

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
#: Root becomes an ordinary user without any capability in a user namespace of its own.
ORDINARY = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
COLUMNS = {
    "as root": ("auto", True),
    "as an ordinary user": ("auto", False),
    "`off`, as root": ("off", True),
    "`off`, as an ordinary user": ("off", False),
}


NAMES, TABLE = read_table("what")


@cache
def outcome(mode: str, root: bool) -> dict[str, dict[str, bool]]:
    """Attack labs of one mode, under one kind of account; once for all rows."""
    if root and os.geteuid() != 0:
        pytest.skip("only root can try this")
    prefix = ORDINARY if os.geteuid() == 0 and not root else ()
    if prefix and subprocess.run([*prefix, "true"], check=False).returncode:
        pytest.skip("this machine gives no user namespace")
    # The path of a test's own folder may not be entered by accounts of labs.
    with tempfile.TemporaryDirectory(prefix="fl-attack-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        done = subprocess.run(
            [*prefix, sys.executable, "-m", "tests.attacks.bare_labs", mode, folder],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
    if done.returncode == NO_LABS:
        pytest.skip("accounts of labs cannot read the labs' environment of this machine")
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, dict[str, bool]] = json.loads(done.stdout)
    return found


def test_the_table_has_a_column_for_each_mode() -> None:
    assert list(COLUMNS) == NAMES


@pytest.mark.integration
@pytest.mark.timeout(1000)
@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("row", TABLE)
def test_a_promise_survives_an_attack(row: str, column: str) -> None:
    result = outcome(*COLUMNS[column])[row]
    promised = TABLE[row][NAMES.index(column)].split()[0]

    assert promised in {"yes", "no", "if"}
    assert result["enforced"] or promised != "yes"
    assert not result["enforced"] or promised != "no"
    assert result["held"] or not result["enforced"], "it did not hold"
