"""What the pages tell people to type is right."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
from itertools import takewhile
from pathlib import Path

import click
import pytest

from firstlight_cli.cli import command
from firstlight_hub.settings import parse_settings
from tests.docs.conftest import Block, blocks, pages

_COMMANDS = [
    (block, line)
    for block in blocks("sh")
    for line in block.text.splitlines()
    if re.match(r"(\.venv/bin/)?firstlight |make ", line)
]


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_every_platform_yaml_is_valid(block: Block) -> None:
    parse_settings(block.text, file=str(block))


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_every_python_block_parses(block: Block) -> None:
    ast.parse(block.text)


def test_what_python_blocks_import_is_in_labs(labs_python: Path) -> None:
    lines = sorted(
        {
            ast.unparse(node)
            for block in blocks("python")
            for node in ast.walk(ast.parse(block.text))
            if isinstance(node, ast.Import | ast.ImportFrom)
        }
    )
    done = subprocess.run(
        [str(labs_python), "-c", "\n".join(lines)], capture_output=True, text=True, check=False
    )

    assert lines
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("block", "line"), _COMMANDS, ids=str)
def test_every_command_line_is_understood(block: Block, line: str, repository: Path) -> None:
    # What follows is the shell's: `> file`, `| program`.
    words = [*takewhile(lambda word: word not in {">", "|"}, shlex.split(line, comments=True))]
    if words[0] == "make":
        targets = re.findall(r"^([a-z]+):", (repository / "Makefile").read_text(), re.MULTILINE)
        assert words[1] in targets
        return
    found = command.get_command(click.Context(command), words[1])
    assert found is not None, line
    # Parses the options and runs nothing.
    found.make_context(words[1], words[2:])


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"(?<!!)\[[^\]]*\]\(([^)#:\s]+)(?:#[^)]*)?\)", text)

    assert [target for target in targets if not (page.parent / target).exists()] == []
