"""The pages of the Python API have every public name, and import nothing to find it."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.docs.conftest import DOCS

SOURCE = """\
\"\"\"What this is.\"\"\"

from firstlight_hub.other import LINKED, Linked
from firstlight_hub._inner import Hidden

raise SystemExit("imported")

__all__ = ["ANSWER", "EAST", "WEST", "Alias", "Hidden", "LINKED", "Linked", "Thing", "do"]

ANSWER: int = 42
\"\"\"The answer.\"\"\"

EAST, WEST = 1, -1

type Alias = int | None
\"\"\"A number, perhaps.\"\"\"

_SECRET = 1
\"\"\"Not public.\"\"\"


class Thing: ...


def do() -> None: ...


def help_it() -> None: ...
"""

SCRIPTS = ("firstlight_hub.jupyterhub_config", "firstlight_hub.people.migrations.versions.")
"""JupyterHub and alembic run these files, and prescribe the names in them."""


@pytest.fixture(scope="module")
def api() -> ModuleType:
    """Return the program, which is not of a package."""
    spec = importlib.util.spec_from_file_location("api", DOCS / "api.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["api"] = module  # a dataclass looks its module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a repository with one package."""
    package = tmp_path / "hub" / "src" / "firstlight_hub"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('"""The package."""\n')
    (package / "thing.py").write_text(SOURCE)
    (package / "other.py").write_text(
        '__all__ = ["LINKED", "Linked"]\n\nLINKED = 7\n\n\nclass Linked: ...\n'
    )
    (package / "_inner.py").write_text("class Hidden: ...\n")
    return tmp_path


def test_a_page_describes_public_names_and_no_others(api: ModuleType, root: Path) -> None:
    api.write_pages(root, root / "api")
    page = (root / "api" / "firstlight_hub.rst").read_text()

    assert ".. autoclass:: firstlight_hub.thing.Thing\n" in page
    assert ".. autofunction:: firstlight_hub.thing.do\n" in page
    assert ".. py:data:: firstlight_hub.thing.ANSWER\n\n   The answer.\n" in page
    assert ".. py:data:: firstlight_hub.thing.WEST\n\n   ``EAST, WEST = (1, -1)``\n" in page
    assert ".. py:type:: firstlight_hub.thing.Alias\n\n   A number, perhaps.\n" in page
    assert "_SECRET" not in page
    assert "help_it" not in page


def test_a_name_of_another_public_module_is_described_there(api: ModuleType, root: Path) -> None:
    api.write_pages(root, root / "api")
    page = (root / "api" / "firstlight_hub.rst").read_text()

    assert ".. autoclass:: firstlight_hub.thing.Hidden\n" in page
    assert ".. autoclass:: firstlight_hub.thing.Linked\n" not in page
    assert page.count(".. autoclass:: firstlight_hub.other.Linked\n") == 1
    assert page.count("   ~firstlight_hub.other.Linked\n") == 2
    assert page.count(".. py:data:: firstlight_hub.other.LINKED\n") == 1
    assert "\nAlso :py:obj:`~firstlight_hub.other.LINKED`.\n" in page


def test_unchanged_pages_stay_and_old_ones_go(api: ModuleType, root: Path) -> None:
    api.write_pages(root, root / "api")
    page = root / "api" / "firstlight_hub.rst"
    before = page.stat().st_mtime_ns
    (root / "api" / "firstlight_gone.rst").write_text("x")
    api.write_pages(root, root / "api")

    assert page.stat().st_mtime_ns == before
    assert {path.name for path in (root / "api").iterdir()} == {"firstlight_hub.rst", "index.rst"}


def test_every_public_name_is_on_a_page(api: ModuleType, tmp_path: Path) -> None:
    api.write_pages(DOCS.parent, tmp_path / "api")
    text = "\n".join(page.read_text() for page in (tmp_path / "api").iterdir())
    described = set(re.findall(r"^\.\. (?:auto\w+|py:data|py:type):: (\S+)$", text, re.MULTILINE))
    mentioned = described | set(re.findall(r"~([\w.]+)", text))
    missing = []
    for name, tree in _modules(api):
        origins = {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in tree.body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        for entry in _listed(tree) or ():
            full = f"{name}.{entry}"
            if full not in described and origins.get(entry) not in mentioned & described:
                missing.append(full)

    assert len(described) > 300
    assert missing == []


def test_every_module_says_what_is_public(api: ModuleType) -> None:
    silent = [
        name
        for name, tree in _modules(api)
        if not name.startswith(SCRIPTS)
        if _listed(tree) is None and list(_public(tree))
    ]

    assert silent == []


def _modules(api: ModuleType) -> Iterator[tuple[str, ast.Module]]:
    """Yield the name and the syntax tree of each module of all distributions."""
    for source in api.SOURCES:
        for path in sorted((DOCS.parent / source).rglob("*.py")):
            parts = path.relative_to(DOCS.parent / source).with_suffix("").parts
            name = ".".join(part for part in parts if part != "__init__")
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def _listed(tree: ast.Module) -> list[str] | None:
    """Return a module's ``__all__``, or nothing if it has none."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names: list[str] = ast.literal_eval(node.value)
            return names
    return None


def _public(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a module defines, without those that begin with an underscore."""
    for node in tree.body:
        match node:
            case (
                ast.ClassDef(name=name)
                | ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.TypeAlias(name=ast.Name(id=name))
                | ast.Assign(targets=[ast.Name(id=name)])
                | ast.AnnAssign(target=ast.Name(id=name))
            ) if not name.startswith("_"):
                yield name


def test_every_distribution_has_a_page(api: ModuleType) -> None:
    top = DOCS.parent
    projects = [*top.glob("*/pyproject.toml"), *top.glob("*/*/pyproject.toml")]
    packages = {module.name.split(".")[0] for module in api.public_modules(top).values()}

    assert {top / source for source in api.SOURCES} == {p.parent / "src" for p in projects}
    assert len(packages) == len(projects)
