"""Read ``platform.yaml``, and report all of its mistakes at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from firstlight_common.merge import merge
from firstlight_common.section import MISFIT, Section
from firstlight_hub.settings.composed import settings_model
from firstlight_hub.settings.keys import keys, section_of
from firstlight_hub.settings.machine import MachineProblem, check_machine
from firstlight_hub.settings.messages import example_of, sentence
from firstlight_hub.settings.model import Settings
from firstlight_hub.settings.tree import Place, Tree, YamlError, read_tree

__all__ = ["Problem", "SettingsError", "load_settings", "parse_settings"]

_SECRET = re.compile(r"secret|passw|token|private_?key|api_?key|credential", re.IGNORECASE)


@dataclass(frozen=True)
class Problem:
    """One mistake in the configuration.

    Parameters
    ----------
    file
        The file, as it was named.
    line, column
        The position, counted from 1; 0 if it concerns the whole file.
    key
        The dotted key; may be empty.
    message
        A sentence that says what is wrong.
    hint
        How to fix it.
    example
        A valid line of YAML.
    """

    file: str
    line: int
    column: int
    key: str
    message: str
    hint: str = ""
    example: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        lines = [f"{place}  {self.key}".rstrip(), f"    {self.message}"]
        if self.hint:
            lines.append(f"    {self.hint}")
        if self.example:
            lines.append(f"    Example:  {self.example}")
        return "\n".join(lines)


class SettingsError(Exception):
    """The configuration is invalid.

    Parameters
    ----------
    problems
        All mistakes, in the order of the file.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda item: (item.line, item.column)))
        super().__init__(str(self))

    def __str__(self) -> str:
        count = len(self.problems)
        head = "There is a problem" if count == 1 else f"There are {count} problems"
        return "\n\n".join([f"{head} with the configuration.", *map(str, self.problems)])


def load_settings(
    path: Path | None,
    *,
    surroundings: Mapping[str, str] | None = None,
    under: Mapping[str, JsonValue] | None = None,
    over: Mapping[str, JsonValue] | None = None,
) -> Settings:
    """Read the configuration file.

    Parameters
    ----------
    path
        The file; None for the defaults.
    surroundings
        Environment variables. If given, what the file names on this machine is checked too:
        files, secrets, addresses.
    under, over
        Settings of components, for what the file does not set and whatever it sets.

    Raises
    ------
    SettingsError
        If it cannot be read or is invalid; with all mistakes, not only the first.
    """
    overlay = _Overlay(under or {}, over or {})
    if path is None:
        return _parse("", "the settings of components", None, overlay)[0]
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SettingsError(
            [Problem(str(path), 0, 0, "", "The file is not UTF-8 text.", "Save it as UTF-8.")]
        ) from error
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        hint = "Check the path after --config, and its permissions."
        problem = Problem(str(path), 0, 0, "", f"The file cannot be read: {reason}.", hint)
        raise SettingsError([problem]) from error
    settings, tree = _parse(text, str(path), path.resolve().parent, overlay)
    if surroundings is not None:
        found = check_machine(settings, path.resolve().parent, surroundings)
        if problems := [_from_machine(str(path), tree, item) for item in found]:
            raise SettingsError(problems)
    return settings


def parse_settings(
    text: str, *, file: str = "platform.yaml", folder: Path | None = None
) -> Settings:
    """Read the configuration from a string.

    Parameters
    ----------
    text
        YAML.
    file
        The file name for messages.
    folder
        The folder that relative paths start from.
    """
    return _parse(text, file, folder, _Overlay({}, {}))[0]


@dataclass(frozen=True)
class _Overlay:
    under: Mapping[str, JsonValue]
    over: Mapping[str, JsonValue]


def _parse(text: str, file: str, folder: Path | None, overlay: _Overlay) -> tuple[Settings, Tree]:
    try:
        tree = read_tree(text, is_known=lambda path: _field(path) is not None)
    except YamlError as error:
        raise SettingsError([_from_yaml(file, error)]) from error
    problems = [_from_yaml(file, problem) for problem in tree.problems]
    data = merge(merge(overlay.under, tree.data), overlay.over)
    try:
        settings = settings_model().model_validate(data, context={"folder": folder})
    except ValidationError as error:
        found = error.errors(include_url=False)
        problems += [_from_pydantic(file, tree, item) for item in found if _is_real(item, found)]
        raise SettingsError(problems) from error
    if problems:
        raise SettingsError(problems)
    return settings, tree


def _is_real(error: ErrorDetails, found: list[ErrorDetails]) -> bool:
    """Return whether an error is real: a list whose items are invalid is "too short", too."""
    path = error["loc"]
    return error["type"] != "too_short" or not any(
        other["loc"][: len(path)] == path and other is not error for other in found
    )


def _from_yaml(file: str, error: YamlError) -> Problem:
    return Problem(file, error.place.line, error.place.column, error.key, error.message, error.hint)


def _from_pydantic(file: str, tree: Tree, error: ErrorDetails) -> Problem:
    path = tuple(error["loc"])
    place, key = tree.place(path), _dotted(path)
    match error["type"]:
        case str(kind) if kind == MISFIT:
            about = error["ctx"]
            place = tree.place((*path, *_path(about["at"])))
            key = _dotted((*path, *_path(about["key"])))
            words = (about["message"], about["hint"], about["example"])
            return Problem(file, place.line, place.column, key, *words)
        case "extra_forbidden":
            hint, example = _unknown(path)
            secret = _SECRET.search(str(path[-1])) is not None
            message = f'There is no setting "{path[-1]}" here.'
            if secret:
                message = "Secrets do not belong in this file; they are never read from here."
            return Problem(file, place.line, place.column, key, message, hint, example)
        case "missing":
            message = f'"{path[-1]}" is missing.'
            return _problem(file, place, key, message, path)
        case _:
            return _problem(file, place, key, sentence(error), path)


def _from_machine(file: str, tree: Tree, found: MachineProblem) -> Problem:
    words = (found.message, found.hint, found.example)
    if found.file is not None:
        return Problem(str(found.file), found.line, 1 if found.line else 0, "", *words)
    place = tree.place(_path(found.at))
    return Problem(file, place.line, place.column, found.key, *words)


def _problem(
    file: str, place: Place, key: str, message: str, path: tuple[int | str, ...]
) -> Problem:
    field = _field(path)
    example = example_of(str(_names(path)[-1]), field) if field else ""
    return Problem(file, place.line, place.column, key, message, "", example)


def _unknown(path: tuple[int | str, ...]) -> tuple[str, str]:
    """Return a hint and an example for an unknown key."""
    name = str(path[-1])
    if _SECRET.search(name):
        hint = (
            "Put the secret in a file of its own and name that file with "
            "identity.github.client_secret_file, or set GITHUB_CLIENT_SECRET in the environment."
        )
        return hint, "client_secret_file: /etc/firstlight/github-client-secret"
    section = _section(path[:-1])
    siblings = dict(section.model_fields) if section else {}
    near = difflib.get_close_matches(name.lower().replace("-", "_"), siblings, n=1, cutoff=0.6)
    if near:
        return f'Did you mean "{near[0]}"?', example_of(near[0], siblings[near[0]])
    elsewhere = [key.path for key in keys() if key.path.rsplit(".", 1)[-1] == name]
    if elsewhere:
        return f"Did you mean {' or '.join(elsewhere)}?", ""
    return f"The settings here are: {', '.join(siblings)}.", ""


def _field(path: tuple[int | str, ...]) -> FieldInfo | None:
    section: type[Section] | None = settings_model()
    field: FieldInfo | None = None
    for name in _names(path):
        field = section.model_fields.get(name) if section else None
        if field is None:
            return None
        section = section_of(field)
    return field


def _section(path: tuple[int | str, ...]) -> type[Section] | None:
    if not any(_names(path)):
        return settings_model()
    field = _field(path)
    return section_of(field) if field else None


def _names(path: tuple[int | str, ...]) -> tuple[str, ...]:
    """Return a path without the positions in lists."""
    return tuple(item for item in path if isinstance(item, str))


def _path(key: str) -> tuple[int | str, ...]:
    """Split a dotted key into its path."""
    return tuple(int(part) if part.isdigit() else part for part in key.split(".") if part)


def _dotted(path: tuple[int | str, ...]) -> str:
    return "".join(_parts(path)).lstrip(".")


def _parts(path: tuple[int | str, ...]) -> Iterator[str]:
    for item in path:
        yield f"[{item}]" if isinstance(item, int) else f".{item}"
