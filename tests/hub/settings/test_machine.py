from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from firstlight_hub.settings import Problem, SettingsError, load_settings
from firstlight_hub.settings.__main__ import main

GITHUB = "identity:\n  provider: github\n  github:\n    client_id: x\n"


def problems(
    folder: Path, text: str, environment: Mapping[str, str] | None = None
) -> tuple[Problem, ...]:
    path = folder / "platform.yaml"
    path.write_text(text)
    load_settings(path)
    try:
        load_settings(path, surroundings=environment or {})
    except SettingsError as error:
        return error.problems
    return ()


def only(folder: Path, text: str, environment: Mapping[str, str] | None = None) -> Problem:
    (problem,) = problems(folder, text, environment)
    return problem


def test_a_secret_that_is_nowhere_is_named(tmp_path: Path) -> None:
    problem = only(tmp_path, GITHUB)
    assert (problem.line, problem.key) == (3, "identity.github.client_secret_file")
    assert "GITHUB_CLIENT_SECRET is not set" in problem.message
    assert problem.hint
    assert problem.example.startswith("client_secret_file: ")


def test_a_secret_in_the_environment_is_enough(tmp_path: Path) -> None:
    assert problems(tmp_path, GITHUB, {"GITHUB_CLIENT_SECRET": "hunter2"}) == ()


@pytest.mark.parametrize(
    ("content", "words"), [(None, "does not exist"), ("", "is empty"), (" \n", "is empty")]
)
def test_a_secret_file_of_no_use_is_named_even_with_a_secret_in_the_environment(
    tmp_path: Path, content: str | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "secret").write_text(content)
    text = GITHUB + "    client_secret_file: secret\n"
    problem = only(tmp_path, text, {"GITHUB_CLIENT_SECRET": "hunter2"})
    assert (problem.line, problem.key) == (5, "identity.github.client_secret_file")
    assert f"{tmp_path / 'secret'}, {words}" in problem.message


def test_a_folder_in_the_place_of_a_secret_is_named(tmp_path: Path) -> None:
    problem = only(tmp_path, GITHUB + f"    client_secret_file: {tmp_path}\n")
    assert "is a folder" in problem.message


def test_a_secret_file_is_enough_and_is_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    assert problems(tmp_path, GITHUB + "    client_secret_file: secret\n") == ()


def test_without_github_no_secret_is_needed(tmp_path: Path) -> None:
    assert problems(tmp_path, GITHUB.replace("provider: github", "provider: local")) == ()


def test_a_logo_that_is_not_there_is_named(tmp_path: Path) -> None:
    text = "branding:\n  logo: logo.svg\n"
    problem = only(tmp_path, text)
    assert (problem.line, problem.key) == (2, "branding.logo")
    (tmp_path / "logo.svg").write_text("<svg/>")
    assert problems(tmp_path, text) == ()


def test_a_name_that_no_machine_has_cannot_be_listened_on(tmp_path: Path) -> None:
    problem = only(tmp_path, "network:\n  bind: nonsense.invalid\n")
    assert (problem.line, problem.key) == (2, "network.bind")
    assert problem.example == "bind: 127.0.0.1"
    assert problems(tmp_path, "network: {bind: localhost}") == ()


def test_a_file_of_the_escape_hatch_that_is_no_python_is_named_with_its_line(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "jupyterhub_config.d"
    folder.mkdir()
    (folder / "10-good.py").write_text("c.Spawner.debug = True\n")
    (folder / "20-bad.py").write_text("x = 1\nif:\n")
    problem = only(tmp_path, "")
    assert (problem.file, problem.line) == (str(folder / "20-bad.py"), 2)
    assert "not valid Python" in problem.message
    assert problem.hint


def test_check_looks_outside_and_show_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_CLIENT_SECRET", raising=False)
    path = tmp_path / "platform.yaml"
    path.write_text(GITHUB)
    assert main(["check", str(path)]) == 1
    assert f"{path}:3:3  identity.github.client_secret_file" in capsys.readouterr().err
    assert main(["show", str(path)]) == 0
    assert main(["show", "--check-machine", "--config", str(path)]) == 1
    monkeypatch.setenv("GITHUB_CLIENT_SECRET", "hunter2")
    assert main(["check", "--config", str(path)]) == 0


def test_usage_speaks_of_the_command_that_people_type(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["check", "--confg", "x"])
    assert caught.value.code == 2
    assert "usage: firstlight config" in capsys.readouterr().err


def test_files_of_data_sets_are_looked_for(tmp_path: Path) -> None:
    text = (
        "datasets:\n  - label: a\n    felis: a.yaml\n    catalog: tables\n    repository: images\n"
    )
    found = problems(tmp_path, text)
    assert [(one.line, one.key) for one in found] == [
        (3, "datasets[0].felis"),
        (4, "datasets[0].catalog"),
        (5, "datasets[0].repository"),
    ]
    assert all("does not exist" in one.message for one in found)
    (tmp_path / "a.yaml").write_text("name: a\n")
    (tmp_path / "tables").mkdir()
    (tmp_path / "images").mkdir()
    assert "no Parquet files" in problems(tmp_path, text)[0].message
    (tmp_path / "tables" / "t.parquet").write_text("x")
    (tmp_path / "images" / "butler.yaml").write_text("x")
    assert problems(tmp_path, text) == ()
