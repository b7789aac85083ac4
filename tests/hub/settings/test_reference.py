from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from firstlight_hub.settings import load_settings, parse_settings, settings_model
from firstlight_hub.settings.__main__ import main
from firstlight_hub.settings.keys import keys
from firstlight_hub.settings.reference import json_schema, reference

PAGE = Path(__file__).parents[3] / "docs/reference/configuration.md"


def test_the_committed_page_is_what_the_model_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "run: python -m firstlight_hub.settings reference > docs/reference/configuration.md"
    )


@pytest.mark.parametrize("key", list(keys()), ids=lambda key: key.path)
def test_every_key_is_described_on_the_page(key: object) -> None:
    assert f"| `{key.path}` |" in reference()  # type: ignore[attr-defined]
    assert key.field.description  # type: ignore[attr-defined]


def test_the_example_on_the_page_is_valid() -> None:
    text = reference().split("```yaml\n")[1].split("```")[0]
    assert parse_settings(text).identity.provider == "github"


def test_show_reads_back_as_the_same_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "platform.yaml"
    path.write_text(
        "identity: {refresh: 90s}\nspawner: {isolation: off}\naccess: {users: [b, a]}\n"
    )
    assert main(["show", "--config", str(path)]) == 0
    path.write_text(shown := capsys.readouterr().out)
    assert "refresh: 90s" in shown
    assert load_settings(path).access.users == {"a", "b"}


def test_show_json_is_the_contract_with_the_other_parts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["show", "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["identity"]["refresh"] == 300.0
    assert data["labs"]["sizes"][0]["memory"] == 2 * 2**30
    assert settings_model().model_validate(data) == settings_model()()


def test_check_prints_the_problems_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "platform.yaml"
    path.write_text("sit: {}")
    assert main(["check", "--config", str(path)]) == 1
    assert 'Did you mean "site"?' in capsys.readouterr().err


def test_check_says_ok(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert capsys.readouterr().out == "OK: no file was named; these are the defaults\n"


def test_the_schema_has_a_description_and_default_for_everything() -> None:
    schema = json_schema()
    for name, section in schema["$defs"].items():
        for key, value in section.get("properties", {}).items():
            assert value.get("description"), f"{name}.{key}"
    identity = schema["$defs"]["Identity"]["properties"]
    assert identity["refresh"]["default"] == "5m"
    assert schema["$defs"]["Labs"]["properties"]["sizes"]["default"][0]["memory"] == "2Gi"


def test_the_schema_command_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["additionalProperties"] is False
