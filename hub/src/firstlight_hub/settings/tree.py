"""Read YAML together with the position of every key."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import yaml
from pydantic import JsonValue
from yaml.nodes import MappingNode, Node, SequenceNode

__all__ = ["Place", "Tree", "YamlError", "read_tree"]

type Path = tuple[int | str, ...]


class _Loader(yaml.SafeLoader):
    """YAML 1.2's scalars: ``off``, ``1:30`` and ``2026-11-23`` are strings.

    Notes
    -----
    YAML 1.1, PyYAML's dialect, reads ``isolation: off`` as false and ``12:30`` as 750
    (YAML 1.2.2, section 10.3.2, has neither).
    """


_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0].rsplit(":", 1)[-1] in {"null", "merge"}]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)


@dataclass(frozen=True)
class Place:
    """A position in the file, counted from 1; line 0 is the whole file."""

    line: int = 0
    column: int = 0


class YamlError(Exception):
    """A mistake in the YAML itself."""

    def __init__(self, place: Place, message: str, hint: str = "", key: str = "") -> None:
        super().__init__(message)
        self.place, self.message, self.hint, self.key = place, message, hint, key


@dataclass
class Tree:
    """The content of a file, and the position of each key.

    Parameters
    ----------
    data
        The content.
    places
        The position of each key and list item by its path.
    problems
        Mistakes that do not prevent reading the file.
    """

    data: dict[str, JsonValue] = field(default_factory=dict)
    places: dict[Path, Place] = field(default_factory=dict)
    problems: list[YamlError] = field(default_factory=list)

    def place(self, path: Path) -> Place:
        """Return the position of a path, or of its nearest parent that is in the file."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(1, 1))


def read_tree(text: str, *, is_known: Callable[[Path], bool]) -> Tree:
    """Read one mapping from YAML.

    Parameters
    ----------
    text
        The file's content; empty means an empty mapping.
    is_known
        Whether a path is a setting. A known key without a value counts as left out, so that a
        section whose lines are all commented out is not an error.

    Raises
    ------
    YamlError
        If it is not YAML, or not a mapping.
    """
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None or root.tag == "tag:yaml.org,2002:null":
            return Tree()
        if not isinstance(root, MappingNode):
            raise YamlError(
                _place(root),
                "The file must be a mapping of sections, such as `site:`.",
                "Each line starts with a key and a colon; indent what belongs to it.",
            )
        tree = Tree()
        tree.data = _Reader(loader, tree, is_known).mapping(root, ())
    except yaml.YAMLError as error:
        raise _syntax(error) from error
    return tree


class _Reader:
    """Converts nodes to Python values, and records positions and duplicate keys."""

    def __init__(self, loader: _Loader, tree: Tree, is_known: Callable[[Path], bool]) -> None:
        self._loader, self._tree, self._is_known = loader, tree, is_known
        self._open: set[Node] = set()

    def mapping(self, node: MappingNode, path: Path) -> dict[str, JsonValue]:
        self._find_duplicates(node, path)
        self._loader.flatten_mapping(node)
        result: dict[str, JsonValue] = {}
        for key_node, value_node in node.value:
            name = str(getattr(key_node, "value", "?"))
            here = (*path, name)
            self._tree.places[here] = _place(key_node)
            value = self._value(value_node, here)
            if value is None and self._is_known(here):
                continue
            result[name] = value
        return result

    def _value(self, node: Node, path: Path) -> JsonValue:
        if node in self._open:
            raise YamlError(_place(node), "This value contains itself.", "Remove the alias.")
        self._open.add(node)
        try:
            if isinstance(node, MappingNode):
                return self.mapping(node, path)
            if isinstance(node, SequenceNode):
                return self._items(node, path)
            scalar: JsonValue = self._loader.construct_object(node)
            return scalar
        finally:
            self._open.discard(node)

    def _items(self, node: SequenceNode, path: Path) -> list[JsonValue]:
        items: list[JsonValue] = []
        for position, item in enumerate(node.value):
            here = (*path, position)
            self._tree.places[here] = _place(item)
            items.append(self._value(item, here))
        return items

    def _find_duplicates(self, node: MappingNode, path: Path) -> None:
        seen: dict[str, Place] = {}
        for key_node, _ in node.value:
            name, place = str(getattr(key_node, "value", "?")), _place(key_node)
            if name in seen:
                self._tree.problems.append(
                    YamlError(
                        place,
                        f'"{name}" is set twice; the first time in line {seen[name].line}.',
                        "Remove one of them.",
                        ".".join(str(part) for part in (*path, name)),
                    )
                )
            seen.setdefault(name, place)


def _place(node: Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def _syntax(error: yaml.YAMLError) -> YamlError:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    place = Place(mark.line + 1, mark.column + 1) if mark else Place()
    if "another document" in what:
        return YamlError(place, "A second document begins here.", "Remove the line `---`.")
    hint = "Check the indentation (spaces, no tabs), colons and quotes of this line."
    if mark and mark.line:
        hint = "Check the indentation (spaces, no tabs), colons and quotes here and one line up."
    return YamlError(place, f"This is not valid YAML: {what}.", hint)
