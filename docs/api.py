"""Write the pages of the Python API, one for each package that has public names.

Sphinx calls this before it reads the pages (`docs/conf.py`). A module is public if it has
``__all__``. The sources are read, not imported, so that no program runs because it is documented.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from inspect import cleandoc
from itertools import pairwise
from pathlib import Path
from textwrap import indent, shorten

__all__ = ["SOURCES", "Module", "public_modules", "write_pages"]

SOURCES = (
    "common/src",
    "hub/src",
    "services/src",
    "cli/src",
    "demo/src",
    "lab-extensions/firstlight-lab/src",
    "sampledata/src",
)
_INDEX = """\
Python API
==========

The public names of every package, from their docstrings. Which of them are stable is on
:doc:`the page about stability <../stability>`.

.. toctree::
   :maxdepth: 1

"""


type Assignment = ast.Assign | ast.AnnAssign | ast.TypeAlias


@dataclass(frozen=True)
class Value:
    """A public constant or type alias.

    Attributes
    ----------
    kind
        ``data``, or ``type`` for the alias that a ``type`` statement makes.
    text
        Its description, or its source where it has none.
    """

    kind: str
    text: str


@dataclass(frozen=True)
class Module:
    """One public module.

    Attributes
    ----------
    name
        Its full name.
    package
        The package that it is in, or is.
    docstring
        Its docstring.
    described
        Public classes and functions that it defines.
    values
        Public constants and type aliases that it defines.
    imported
        Public names that it imports, and from where.
    """

    name: str
    package: str
    docstring: str
    described: tuple[str, ...]
    values: Mapping[str, Value]
    imported: Mapping[str, str]


def public_modules(root: Path) -> dict[str, Module]:
    """Return the public modules of all distributions, by name."""
    found = {}
    for source in SOURCES:
        for path in sorted((root / source).rglob("*.py")):
            parts = path.relative_to(root / source).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            module = _read(name, ".".join(parts[:-1]), ast.parse(path.read_text(encoding="utf-8")))
            if module:
                found[name] = module
    return found


def _read(name: str, package: str, tree: ast.Module) -> Module | None:
    assigned = dict(_assignments(tree))
    listed = assigned["__all__"].value if "__all__" in assigned else None
    if listed is None:
        return None
    public = set(ast.literal_eval(listed))
    defined = (
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    )
    descriptions = dict(_descriptions(tree))
    return Module(
        name,
        package,
        ast.get_docstring(tree) or "",
        tuple(entry for entry in defined if entry in public),
        {
            entry: _value(node, descriptions.get(node.lineno))
            for entry, node in assigned.items()
            if entry in public
        },
        {
            alias.asname or alias.name: node.module
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
            if (alias.asname or alias.name) in public
        },
    )


def _assignments(tree: ast.Module) -> Iterator[tuple[str, Assignment]]:
    """Yield the names that a module assigns, also those of ``a, b = 1, 2``."""
    for node in tree.body:
        match node:
            case ast.Assign():
                targets = node.targets
            case ast.AnnAssign(target=target):
                targets = [target]
            case ast.TypeAlias(name=target):
                targets = [target]
            case _:
                continue
        for found in targets:
            for part in ast.walk(found):
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                    yield part.id, node


def _value(node: Assignment, description: str | None) -> Value:
    kind = "type" if isinstance(node, ast.TypeAlias) else "data"
    return Value(kind, description or f"``{shorten(ast.unparse(node), 80)}``")


def _descriptions(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line of each statement that a string follows, and that string."""
    for node, following in pairwise(tree.body):
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            yield node.lineno, cleandoc(str(following.value.value))


def write_pages(root: Path, folder: Path) -> None:
    """Write the pages into a folder; what was written before and is gone now is removed."""
    modules = public_modules(root)
    packages = sorted({module.package for module in modules.values()})
    pages = {f"{name}.rst": _page(name, modules) for name in packages}
    pages["index.rst"] = _INDEX + "".join(f"   {name}\n" for name in packages)
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        if path.name not in pages:
            path.unlink()
    for name, text in pages.items():
        path = folder / name
        # Sphinx reads again what is newer: an unchanged page stays as it is.
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _page(package: str, modules: Mapping[str, Module]) -> str:
    lines = [package, "=" * len(package), ""]
    for module in sorted(modules.values(), key=lambda module: module.name):
        if module.package != package:
            continue
        if module.name != package:
            lines += [module.name, "-" * len(module.name), ""]
        lines += _contents(module, modules)
    return "\n".join(lines)


def _contents(module: Module, modules: Mapping[str, Module]) -> list[str]:
    """List the names; those of other public modules are described there and linked to."""
    described = list(module.described)
    summary, elsewhere = [], []
    for name, origin in module.imported.items():
        if origin not in modules:
            described.append(name)
        elif name in modules[origin].described:
            summary.append(f"   ~{origin}.{name}")
        elif name in modules[origin].values:
            elsewhere.append(f":py:obj:`~{origin}.{name}`")
    summary += [f"   ~{module.name}.{name}" for name in described]
    lines = [f".. py:module:: {module.name}", "", module.docstring, ""]
    if summary:
        # The names are full: autosummary must not look for them in the module.
        lines += [".. currentmodule:: None", "", ".. autosummary::", "", *sorted(summary), ""]
    if elsewhere:
        lines += [f"Also {', '.join(sorted(elsewhere))}.", ""]
    # Not by autodoc, which takes an alias such as `tuple[int, ...]` for a class and fails.
    for name, value in module.values.items():
        lines += [f".. py:{value.kind}:: {module.name}.{name}", "", indent(value.text, "   "), ""]
    for name in described:
        kind = "class" if name.lstrip("_")[0].isupper() else "function"
        lines += [f".. auto{kind}:: {module.name}.{name}", ""]
    return lines
