"""Read ``platform.yaml``, and say everything that is wrong with it at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from firstlight_common.section import MISFIT, Section
from firstlight_hub.settings.composed import settings_model
from firstlight_hub.settings.keys import keys, section_of
from firstlight_hub.settings.messages import example_of, sentence
from firstlight_hub.settings.model import Settings
from firstlight_hub.settings.outside import Outside, look_outside
from firstlight_hub.settings.tree import Place, Tree, YamlProblem, read_tree

__all__ = ["Problem", "SettingsError", "load_settings", "parse_settings"]

_SECRET = re.compile(r"secret|passw|token|private_?key|api_?key|credential", re.IGNORECASE)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Parameters
    ----------
    file
        The file, as the person named it.
    line, column
        Where, counted from 1; 0 when it is about the whole file.
    key
        The dotted key, or nothing.
    message
        What is wrong, in a sentence.
    hint
        What to do about it.
    example
        A line of YAML that would be right.
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
    """The configuration cannot be used.

    Parameters
    ----------
    problems
        All that is wrong with it, in the order of the file.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda item: (item.line, item.column)))
        super().__init__(str(self))

    def __str__(self) -> str:
        count = len(self.problems)
        head = "There is a problem" if count == 1 else f"There are {count} problems"
        return "\n\n".join([f"{head} with the configuration.", *map(str, self.problems)])


def load_settings(path: Path | None, *, surroundings: Mapping[str, str] | None = None) -> Settings:
    """Read the configuration file.

    Parameters
    ----------
    path
        The file; ``None`` means that there is none, which gives the defaults.
    surroundings
        The environment's variables. If given, what the file names on this machine is looked for
        too: files, secrets, addresses.

    Raises
    ------
    SettingsError
        If it cannot be read or says something wrong; holds all problems, not only the first.
    """
    if path is None:
        return settings_model()()
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SettingsError(
            [Problem(str(path), 0, 0, "", "The file is not text in UTF-8.", "Save it as UTF-8.")]
        ) from error
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        hint = "Check the path after --config, and who may read it."
        problem = Problem(str(path), 0, 0, "", f"The file cannot be read: {reason}.", hint)
        raise SettingsError([problem]) from error
    settings, tree = _parse(text, str(path), path.resolve().parent)
    if surroundings is not None:
        found = look_outside(settings, path.resolve().parent, surroundings)
        if problems := [_from_outside(str(path), tree, item) for item in found]:
            raise SettingsError(problems)
    return settings


def parse_settings(
    text: str, *, file: str = "platform.yaml", folder: Path | None = None
) -> Settings:
    """Read the configuration from text.

    Parameters
    ----------
    text
        YAML.
    file
        What to call it in messages.
    folder
        Where relative paths count from.
    """
    return _parse(text, file, folder)[0]


def _parse(text: str, file: str, folder: Path | None) -> tuple[Settings, Tree]:
    try:
        tree = read_tree(text, is_known=lambda path: _field(path) is not None)
    except YamlProblem as error:
        raise SettingsError([_from_yaml(file, error)]) from error
    problems = [_from_yaml(file, problem) for problem in tree.problems]
    try:
        settings = settings_model().model_validate(tree.data, context={"folder": folder})
    except ValidationError as error:
        found = error.errors(include_url=False)
        problems += [_from_pydantic(file, tree, item) for item in found if _is_real(item, found)]
        raise SettingsError(problems) from error
    if problems:
        raise SettingsError(problems)
    return settings, tree


def _is_real(error: ErrorDetails, found: list[ErrorDetails]) -> bool:
    """Tell an error from the echo of another: a list whose items are wrong also is "too short"."""
    path = error["loc"]
    return error["type"] != "too_short" or not any(
        other["loc"][: len(path)] == path and other is not error for other in found
    )


def _from_yaml(file: str, error: YamlProblem) -> Problem:
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
                message = "Secrets do not belong into this file; nothing reads them from here."
            return Problem(file, place.line, place.column, key, message, hint, example)
        case "missing":
            message = f'"{path[-1]}" is missing.'
            return _problem(file, place, key, message, path)
        case _:
            return _problem(file, place, key, sentence(error), path)


def _from_outside(file: str, tree: Tree, found: Outside) -> Problem:
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
    """Say what an unknown key could have meant: (hint, example)."""
    name = str(path[-1])
    if _SECRET.search(name):
        hint = (
            "Put the secret into a file of its own and name it with "
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
    return f"What can be set here: {', '.join(siblings)}.", ""


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
    """Drop the positions in lists."""
    return tuple(item for item in path if isinstance(item, str))


def _path(key: str) -> tuple[int | str, ...]:
    """Take a dotted key apart."""
    return tuple(int(part) if part.isdigit() else part for part in key.split(".") if part)


def _dotted(path: tuple[int | str, ...]) -> str:
    return "".join(_parts(path)).lstrip(".")


def _parts(path: tuple[Any, ...]) -> Iterator[str]:
    for item in path:
        yield f"[{item}]" if isinstance(item, int) else f".{item}"
