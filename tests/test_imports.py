"""What the import contracts in pyproject.toml cannot say: lists of what may be imported."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import grimp
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCES = sorted(
    path.parent / "src"
    for path in [*REPOSITORY.glob("*/pyproject.toml"), *REPOSITORY.glob("*/*/pyproject.toml")]
)
PACKAGES = sorted(path.parent.name for source in SOURCES for path in source.glob("*/__init__.py"))
PYDANTIC = {"pydantic", "pydantic_core"}
"""The only libraries of `common`, and of what describes a component or decides."""
DESCRIBING = ("firstlight_common.**", "**.component", "firstlight_services.*.settings")
DECIDING = (
    "firstlight_hub.**.models",
    "firstlight_hub.**.policy",
    "firstlight_services.**.models",
    "firstlight_services.**.policy",
)
DYNAMIC = {
    "__import__",
    "exec_module",
    "import_module",
    "load_module",
    "resolve_name",
    "run_module",
    "run_path",
    "spec_from_file_location",
}


#: They import what a lab runs, in the labs' environment, and no package of ours but the labs' own.
LOADERS = {"fork_server.py", "kernel_python.py", "preload.py"}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Return who imports what, over all distributions."""
    return grimp.build_graph(*PACKAGES, include_external_packages=True, cache_dir=None)


def libraries(graph: grimp.ImportGraph, *modules: str) -> set[str]:
    """Return the libraries that modules import, directly or not."""
    imported = set(modules).union(*map(graph.find_upstream_modules, modules))
    return {name.split(".")[0] for name in imported} - set(PACKAGES) - set(sys.stdlib_module_names)


@pytest.mark.parametrize("expression", DESCRIBING)
def test_what_every_program_loads_needs_pydantic_at_most(
    graph: grimp.ImportGraph, expression: str
) -> None:
    found = {}
    for name in graph.find_matching_modules(expression):
        # Python runs the packages that a module is in before the module.
        packages = accumulate(name.split("."), lambda package, child: f"{package}.{child}")
        found[name] = libraries(graph, *packages) - PYDANTIC

    assert found
    assert {name: more for name, more in found.items() if more} == {}


@pytest.mark.parametrize("expression", DECIDING)
def test_decisions_need_pydantic_at_most(graph: grimp.ImportGraph, expression: str) -> None:
    found = {
        name: libraries(graph, name) - PYDANTIC for name in graph.find_matching_modules(expression)
    }

    assert found
    assert {name: more for name, more in found.items() if more} == {}


def test_the_contracts_know_every_distribution() -> None:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]

    assert settings["root_packages"] == PACKAGES


def test_nothing_is_imported_in_a_way_that_the_contracts_do_not_see() -> None:
    found = [
        f"{path.relative_to(REPOSITORY)}:{line} {name}"
        for source in SOURCES
        for path in source.rglob("*.py")
        if path.name not in LOADERS
        for line, name in _dynamic_imports(ast.parse(path.read_text(encoding="utf-8")))
    ]

    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        'import importlib\nimportlib.import_module("firstlight_hub")',
        "from importlib import import_module as load",
        '__import__("firstlight_hub")',
        'getattr(importlib, "import_module")',
    ],
)
def test_a_dynamic_import_is_found(text: str) -> None:
    assert list(_dynamic_imports(ast.parse(text)))


def _dynamic_imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield each mention of a function that imports what its argument names, and its line."""
    for node in ast.walk(tree):
        match node:
            case (
                ast.Name(id=name)
                | ast.Attribute(attr=name)
                | ast.alias(name=name)
                | ast.Constant(value=str(name))
            ) if name in DYNAMIC:
                yield node.lineno, name
