"""Commands in messages work when they are typed as shown."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from firstlight_common.commands import firstlight, make
from tests.platform_under_test import PLATFORM_PYTHON

SOURCES = ("cli/src", "common/src", "demo/src", "hub/src", "services/src", "sampledata/src")
PROGRAM = Path(PLATFORM_PYTHON).with_name("firstlight")


def shown(*code: str, cwd: Path, path: str = "/usr/bin:/bin") -> str:
    """Return what the platform's interpreter prints in a folder."""
    program = "from pathlib import Path; from firstlight_common.commands import *\n"
    done = subprocess.run(
        [PLATFORM_PYTHON, "-c", program + "\n".join(code)],
        cwd=cwd,
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.rstrip("\n")


def type_in(
    command: str, cwd: Path, path: str = "/usr/bin:/bin"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", command],
        cwd=cwd,
        env={"PATH": path, "HOME": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("folder", ["", "docs", "elsewhere", "else where"])
def test_a_command_works_where_it_is_shown(repository: Path, tmp_path: Path, folder: str) -> None:
    cwd = repository / folder if folder in {"", "docs"} else tmp_path / folder
    cwd.mkdir(exist_ok=True)
    state_dir = tmp_path / "it's here"
    command = shown(f"print(firstlight('status', state_dir=Path({str(state_dir)!r})))", cwd=cwd)
    done = type_in(command, cwd)
    assert done.stderr.startswith(f"✗ No platform runs from {state_dir}."), command


def test_in_the_checkout_it_is_short(repository: Path, tmp_path: Path) -> None:
    code = "print(firstlight('logs', 'hub', state_dir=Path('var').resolve()), make('up'), sep='; ')"
    assert shown(code, cwd=repository) == ".venv/bin/firstlight logs hub; make up"
    assert shown("print(make('up'))", cwd=tmp_path) == f"make -C {repository} up"


def test_what_is_on_the_path_is_named_without_a_folder(tmp_path: Path) -> None:
    (tmp_path / "firstlight").symlink_to(PROGRAM)
    path = f"{tmp_path}:/usr/bin:/bin"
    assert shown("print(firstlight('status'))", cwd=tmp_path, path=path) == "firstlight status"
    (tmp_path / "firstlight").unlink()
    other = tmp_path / "firstlight"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    command = shown("print(firstlight('status'))", cwd=tmp_path, path=path)
    assert command == f"{PROGRAM} status"


def messages(repository: Path) -> Iterator[tuple[Path, str]]:
    """Yield each string of our programs that is not a docstring."""
    for folder in SOURCES:
        for file in (repository / folder).rglob("*.py"):
            tree = ast.parse(file.read_text())
            statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            for node in ast.walk(tree):
                if (
                    isinstance(node, ast.Constant)
                    and isinstance(node.value, str)
                    and id(node) not in statements
                ):
                    yield file.relative_to(repository), node.value


def test_no_message_spells_a_command_itself(repository: Path) -> None:
    """Only `firstlight_common.commands` knows how the command has to be typed here."""
    commands = r"\b(firstlight (up|stop|status|token|link|doctor|logs|config|systemd-unit)|make (up|environments|tools|check|clean))\b"
    explained = re.compile(
        r"`make up PORT=`|only `make test`|firstlight config`|^firstlight config$"  # a name, no hint
        r"|Written by|Printed by|configuration.md"  # comments in files that are written
    )
    found = [
        (str(file), text)
        for file, text in messages(repository)
        if re.search(commands, text) and not explained.search(text)
    ]
    assert found == []


@pytest.mark.parametrize(
    "arguments",
    [["status"], ["token", "--user", "ada"], ["logs", "hub"], ["doctor", "--config", "no.yaml"]],
)
def test_every_command_in_a_message_is_understood(tmp_path: Path, arguments: list[str]) -> None:
    done = subprocess.run(
        [PROGRAM, *arguments],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    hints = re.findall(r"`([^`]*(?:firstlight|make) [^`]*)`", said)
    hints += re.findall(r"(?:prints OK: |→ )(\S*firstlight .*)", said)
    assert hints or arguments[0] == "doctor", said
    for hint in hints:
        shown_help = f"{hint} --help" if "firstlight" in hint else f"{hint} --dry-run"
        tried = type_in(shown_help, tmp_path, os.environ["PATH"])
        assert tried.returncode == 0, (hint, tried.stderr)


def test_this_process_spells_its_own(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    assert firstlight("status").endswith("firstlight status")
    assert make("environments") == "make environments"
