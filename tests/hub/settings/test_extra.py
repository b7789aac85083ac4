from __future__ import annotations

import os
from pathlib import Path

import pytest
from traitlets.config import Config

from firstlight_hub.settings.extra import run_extra_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "jupyterhub_config.d").mkdir()
    return tmp_path / "jupyterhub_config.d"


def test_files_run_in_their_order_and_have_the_last_word(folder: Path) -> None:
    (folder / "20-later.py").write_text("c.Spawner.start_timeout += 1\n")
    (folder / "10-first.py").write_text("c.Spawner.start_timeout = 41\n")
    (folder / "notes.txt").write_text("not run")
    config = Config({"Spawner": {"start_timeout": 60}})
    run_extra_files(folder.parent, config)
    assert config.Spawner.start_timeout == 42


def test_without_the_folder_nothing_happens(tmp_path: Path) -> None:
    config = Config()
    run_extra_files(tmp_path, config)
    assert config == Config()


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("x = 1\nc.Spawner.start_timeout = y\n", 2, "NameError: name 'y' is not defined"),
        ("import json\njson.loads('')\n", 2, "JSONDecodeError"),
        ("if:\n", 1, "SyntaxError"),
    ],
)
def test_a_file_that_fails_is_named_with_its_line_in_a_sentence(
    folder: Path, text: str, line: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "10-broken.py"
    path.write_text(text)
    with pytest.raises(SystemExit) as caught:
        run_extra_files(folder.parent, Config())
    assert caught.value.code == os.EX_CONFIG
    sentence = capsys.readouterr().err.rstrip("\n").rsplit("\n", 1)[-1]
    assert sentence.startswith(f"{path}:{line}: ")
    assert words in sentence
