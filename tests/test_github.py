"""What GitHub reads is as GitHub's published schemas say, and names what exists."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from jsonschema import validators
from pydantic import JsonValue

REPOSITORY = Path(__file__).resolve().parent.parent
GITHUB = REPOSITORY / ".github"
FILES = {
    "dependabot.yml": "dependabot",
    "ISSUE_TEMPLATE/bug.yml": "github-issue-forms",
    "ISSUE_TEMPLATE/feature.yml": "github-issue-forms",
    "ISSUE_TEMPLATE/config.yml": "github-issue-config",
    "workflows/check.yml": "github-workflows",
    "workflows/docs.yml": "github-workflows",
    "workflows/test.yml": "github-workflows",
}


class _Loader(yaml.SafeLoader):
    """YAML as GitHub reads it: `on` is a word, not a truth value."""


_LOADER_RESOLVERS = {
    letter: [entry for entry in found if entry[0] != "tag:yaml.org,2002:bool"]
    for letter, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.yaml_implicit_resolvers = _LOADER_RESOLVERS
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


def read(name: str) -> JsonValue:
    content: JsonValue = yaml.load((GITHUB / name).read_text(), _Loader)
    return content


def test_every_file_is_checked() -> None:
    assert {str(path.relative_to(GITHUB)) for path in GITHUB.rglob("*.yml")} == set(FILES)


@pytest.mark.parametrize(("name", "schema"), FILES.items())
def test_a_file_is_as_its_schema_says(name: str, schema: str) -> None:
    wanted = get_builtin_schema(f"vendor.{schema}")
    validator = validators.validator_for(wanted)(wanted)

    assert [f"{e.json_path}: {e.message}" for e in validator.iter_errors(read(name))] == []


def test_dependabot_looks_where_something_is() -> None:
    text = (GITHUB / "dependabot.yml").read_text()
    folders = re.findall(r"^      - (/\S+)$", text, re.MULTILINE)

    assert folders
    assert [name for name in folders if not (REPOSITORY / name[1:]).is_dir()] == []


@pytest.mark.parametrize("name", ["check", "docs", "test"])
def test_a_workflow_may_only_read(name: str) -> None:
    content = read(f"workflows/{name}.yml")

    assert isinstance(content, dict)
    assert content["permissions"] == {"contents": "read"}


@pytest.mark.parametrize(
    ("name", "command"),
    [("check", ".ci/run check"), ("docs", ".ci/run docs"), ("test", ".ci/run")],
)
def test_a_workflow_runs_one_script_of_the_project(name: str, command: str) -> None:
    steps = list(_steps(read(f"workflows/{name}.yml")))
    actions = [step["uses"] for step in steps if "uses" in step]

    assert [step["run"] for step in steps if "run" in step] == [command]
    assert [action for action in actions if str(action).startswith(".")] == []


def _steps(workflow: JsonValue) -> Iterator[dict[str, JsonValue]]:
    """Yield the steps of all jobs."""
    assert isinstance(workflow, dict)
    jobs = workflow["jobs"]
    assert isinstance(jobs, dict)
    for job in jobs.values():
        assert isinstance(job, dict)
        steps = job["steps"]
        assert isinstance(steps, list)
        for step in steps:
            assert isinstance(step, dict)
            yield step


def test_the_script_knows_what_to_run_and_nothing_else() -> None:
    assert _would_run() == "make test"
    assert _would_run("check") == "make check"
    assert _would_run("docs") == "make docs"
    assert _would_run("up") == ""
    assert _would_run("check", "docs") == ""


def _would_run(*arguments: str) -> str:
    """Return what `.ci/run` ends with, from a `make` that only says how it was called."""
    say = 'make() { echo "make $*"; }; exec() { "$@"; exit; }; . .ci/run'
    done = subprocess.run(
        ["bash", "-c", say, ".ci/run", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == (0 if done.stdout else 2), done.stderr
    return done.stdout.strip()
