from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from firstlight_hub.settings import SecretError, load_runtime, read_secret, settings_model
from firstlight_hub.settings.runtime import load_settings_of, read_secrets

RUNTIME = {
    "state_dir": "/srv/fl",
    "config": None,
    "demo": True,
    "bind": "127.0.0.1",
    "port": 8000,
    "public_url": "http://127.0.0.1:8000",
    "components": [
        {
            "name": "hub",
            "port": 2,
            "url": "http://127.0.0.1:2",
            "health": "http://127.0.0.1:2/nb/hub/firstlight/health",
            "command": ["python", "-m", "jupyterhub"],
            "from_the_future": 2,
        }
    ],
    "labs_python": "/srv/labs/bin/python",
    "tutorials_dir": "/srv/tutorials",
    "version": "0.1.0",
    "from_the_future": 1,
}


def write(state_dir: Path, content: object) -> None:
    (state_dir / "run").mkdir()
    (state_dir / "run" / "runtime.json").write_text(json.dumps(content))


def test_runtime_is_read_and_keys_of_a_newer_release_are_ignored(tmp_path: Path) -> None:
    write(tmp_path, RUNTIME)
    runtime = load_runtime(tmp_path)
    assert runtime.public_url == "http://127.0.0.1:8000"
    assert runtime.component("hub").url == "http://127.0.0.1:2"


def test_runtime_is_frozen(tmp_path: Path) -> None:
    write(tmp_path, RUNTIME)
    with pytest.raises(ValidationError):
        load_runtime(tmp_path).port = 1  # type: ignore[misc]


def test_a_secret_is_read_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "crypt_key").write_text("abc\n")
    assert read_secret(tmp_path, "crypt_key") == "abc"


@pytest.mark.parametrize("name", ["missing", "empty", "../crypt_key"])
def test_a_secret_that_cannot_be_had_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "empty").write_text(" \n")
    with pytest.raises(SecretError):
        read_secret(tmp_path, name)


def test_secrets_are_read_by_name_and_other_files_ignored(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    for name in ("crypt_key", "service_tap", "Not a secret of ours"):
        (tmp_path / "secrets" / name).write_text(f"{name}!\n")
    names = ("crypt_key", "service_tap")
    assert read_secrets(tmp_path, names) == {name: f"{name}!" for name in names}


def test_the_resolved_settings_are_read_back(tmp_path: Path) -> None:
    settings = settings_model().model_validate({"identity": {"refresh": "90s"}})
    write(tmp_path, {})
    (tmp_path / "run" / "settings.json").write_text(settings.model_dump_json())
    assert load_settings_of(tmp_path) == settings
