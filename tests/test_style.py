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


_CLOCKS = {"time.monotonic", "time.perf_counter", "time.time"}
_BOUNDS = {
    "tests/cli/test_processes.py": "not waiting is the point, and the wait would be twice as long",
    "tests/integration/test_commands.py": "a lower bound: a busy machine only makes it longer",
    "tests/integration/test_takeover.py": "a file of this run, not of an earlier one",
}
"""Where a test compares a time, and why a busy machine does not make it fail."""
_SLEEPS = {
    "tests/waiting.py": "the one place that waits",
    "tests/platform_under_test.py": "looks again, and fails at once if the platform has ended",
    "tests/hub/pages/test_real_hub.py": "looks again, and fails at once if the hub has ended",
    "tests/attacks/bare_labs.py": "looks again",
    "tests/hub/spawner/test_cgroups.py": "kills again",
    "tests/hub/spawner/test_start.py": "looks again, in a program without our modules",
    "tests/hub/test_proxy.py": "silence is what is tested",
    "tests/integration/test_commands.py": "lets a query begin; that it still runs is checked",
    "tests/integration/test_install.py": "kills at random moments",
    "tests/integration/test_security.py": "longer than a refresh, which must change nothing",
    "tests/integration/test_walls.py": "paces requests for a lab",
    "tests/lab/test_websockets.py": "a frozen client",
}
"""Where a test sleeps, and why a busy machine does not make it fail."""


def test_no_test_depends_on_how_fast_the_machine_is(repository: Path) -> None:
    bounds, sleeps = set(), set()
    for path in (repository / "tests").rglob("*.py"):
        name = str(path.relative_to(repository))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assert) and _compares_times(node.test):
                bounds.add(name)
            if isinstance(node, ast.Call) and _is_sleep(node):
                sleeps.add(name)

    assert bounds == set(_BOUNDS), "use tests.waiting, or say above why it is safe"
    assert sleeps == set(_SLEEPS), "use tests.waiting, or say above why it is safe"


def _compares_times(test: ast.expr) -> bool:
    return any(
        isinstance(part, ast.Call) and ast.unparse(part.func) in _CLOCKS
        for compared in ast.walk(test)
        if isinstance(compared, ast.Compare)
        for part in ast.walk(compared)
    )


def _is_sleep(call: ast.Call) -> bool:
    """Return whether a call waits for a fixed time; 0 only lets others go on."""
    waits = ast.unparse(call.func) in {"time.sleep", "asyncio.sleep"}
    return waits and not (isinstance(call.args[0], ast.Constant) and call.args[0].value == 0)
