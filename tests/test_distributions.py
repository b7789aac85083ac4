"""The distributions agree with each other and with the locked environments they run in."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TypedDict

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PROJECTS = sorted([*REPOSITORY.glob("*/pyproject.toml"), *REPOSITORY.glob("*/*/pyproject.toml")])
LABS = {"firstlight-lab", "firstlight-sampledata"}
TOOLS = {"pytest", "ruff", "mypy", "sphinx", "selenium", "hatchling", "pre-commit"}


class Project(TypedDict):
    """What these tests read of a distribution."""

    name: str
    version: str
    dependencies: list[str]


def read(path: Path) -> Project:
    project: Project = tomllib.loads(path.read_text())["project"]
    return project


def declared(projects: list[Project]) -> set[str]:
    """Return what the distributions depend on, without each other."""
    wanted = {dependency for project in projects for dependency in project["dependencies"]}
    return {dependency for dependency in wanted if not dependency.startswith("firstlight-")}


def asked_for(name: str) -> set[str]:
    """Return the lines of a list of requirements, without comments and options."""
    lines = (REPOSITORY / "requirements" / f"{name}.in").read_text().splitlines()
    return {line for line in lines if line and not line.startswith(("#", "-"))}


def locked(name: str) -> dict[str, str]:
    """Return the version of each package of a lock."""
    lock = (REPOSITORY / "requirements" / f"{name}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+) \\$", lock, re.MULTILINE))


def test_all_distributions_have_one_version() -> None:
    versions = {project["name"]: project["version"] for project in map(read, PROJECTS)}
    for source in (path.parent / "src" for path in PROJECTS):
        for path in source.glob("*/__init__.py"):
            if found := re.search(r'^__version__ = "(.*)"$', path.read_text(), re.MULTILINE):
                versions[path.parent.name] = found[1]
    assert len(versions) >= 7
    assert len(set(versions.values())) == 1, versions


def test_the_platforms_environment_is_what_its_distributions_declare() -> None:
    platform = [project for project in map(read, PROJECTS) if project["name"] not in LABS]
    assert asked_for("platform") == declared(platform)


def test_the_labs_environment_has_what_runs_in_labs() -> None:
    labs = [project for project in map(read, PROJECTS) if project["name"] in LABS]
    names = {re.split(r"[<>=]", line)[0] for line in declared(labs)}
    assert names <= set(locked("labs"))


def test_the_platforms_environment_has_no_tools() -> None:
    assert not TOOLS & set(locked("platform"))


def test_the_tools_environment_tests_the_versions_that_run() -> None:
    assert locked("platform").items() <= locked("tools").items()


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "requirements").glob("*.txt")), ids=lambda p: p.name
)
def test_a_lock_names_no_index(path: Path) -> None:
    assert "://" not in path.read_text()
