"""The pages of the Python API have every public name, and import nothing to find it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.docs.conftest import DOCS

SOURCE = """\
\"\"\"What this is.\"\"\"

from firstlight_hub.other import Linked
from firstlight_hub._inner import Hidden

raise SystemExit("imported")

__all__ = ["ANSWER", "Hidden", "Linked", "Thing", "do"]

ANSWER: int = 42
\"\"\"The answer.\"\"\"

_SECRET = 1
\"\"\"Not public.\"\"\"


class Thing: ...


def do() -> None: ...


def help_it() -> None: ...
"""


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
    (package / "other.py").write_text('__all__ = ["Linked"]\n\n\nclass Linked: ...\n')
    (package / "_inner.py").write_text("class Hidden: ...\n")
    return tmp_path


def test_a_page_describes_public_names_and_no_others(api: ModuleType, root: Path) -> None:
    api.write_pages(root, root / "api")
    page = (root / "api" / "firstlight_hub.rst").read_text()

    assert ".. autoclass:: firstlight_hub.thing.Thing\n" in page
    assert ".. autofunction:: firstlight_hub.thing.do\n" in page
    assert ".. py:data:: firstlight_hub.thing.ANSWER\n\n   The answer.\n" in page
    assert "_SECRET" not in page
    assert "help_it" not in page


def test_a_name_of_another_public_module_is_described_there(api: ModuleType, root: Path) -> None:
    api.write_pages(root, root / "api")
    page = (root / "api" / "firstlight_hub.rst").read_text()

    assert ".. autoclass:: firstlight_hub.thing.Hidden\n" in page
    assert ".. autoclass:: firstlight_hub.thing.Linked\n" not in page
    assert page.count(".. autoclass:: firstlight_hub.other.Linked\n") == 1
    assert page.count("   ~firstlight_hub.other.Linked\n") == 2


def test_unchanged_pages_stay_and_old_ones_go(api: ModuleType, root: Path) -> None:
    api.write_pages(root, root / "api")
    page = root / "api" / "firstlight_hub.rst"
    before = page.stat().st_mtime_ns
    (root / "api" / "firstlight_gone.rst").write_text("x")
    api.write_pages(root, root / "api")

    assert page.stat().st_mtime_ns == before
    assert {path.name for path in (root / "api").iterdir()} == {"firstlight_hub.rst", "index.rst"}


def test_every_distribution_has_a_page(api: ModuleType) -> None:
    top = DOCS.parent
    projects = [*top.glob("*/pyproject.toml"), *top.glob("*/*/pyproject.toml")]
    packages = {module.name.split(".")[0] for module in api.public_modules(top).values()}

    assert {top / source for source in api.SOURCES} == {p.parent / "src" for p in projects}
    assert len(packages) == len(projects)
