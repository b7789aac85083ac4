"""The settings as a list of keys, for error messages, the reference page and display."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, HttpUrl
from pydantic.fields import FieldInfo

from firstlight_common.section import Section
from firstlight_common.units import format_bytes, format_duration, parse_bytes
from firstlight_hub.settings.composed import settings_model

__all__ = ["Key", "human", "keys", "section_of"]


@dataclass(frozen=True)
class Key:
    """One key of ``platform.yaml``.

    Parameters
    ----------
    path
        Its dotted path; ``[]`` stands for the items of a list.
    field
        What pydantic knows about it.
    section
        The model it belongs to.
    """

    path: str
    field: FieldInfo
    section: type[Section]

    @property
    def type_name(self) -> str:
        """The name of its type."""
        return _type_name(self.field)

    @property
    def default(self) -> object:
        """Its default in human units; None if unset or required."""
        if self.field.is_required():
            return None
        return _human(self.field.get_default(call_default_factory=True), self.field)

    @property
    def example(self) -> object:
        """A valid value."""
        if self.field.examples:
            return self.field.examples[0]
        return self.default


def keys(section: type[Section] | None = None, prefix: str = "") -> Iterator[Key]:
    """Yield every key of a section, or of the whole file, depth first, in the model's order."""
    section = section or settings_model()
    for name, field in section.model_fields.items():
        inner = section_of(field)
        many = _unwrap(field.annotation)[1]
        if inner is None:
            yield Key(prefix + name, field, section)
            continue
        if many or type(None) in get_args(field.annotation):
            yield Key(prefix + name, field, section)
        yield from keys(inner, f"{prefix}{name}{'[]' if many else ''}.")


def section_of(field: FieldInfo) -> type[Section] | None:
    """Return the model of a field that is a mapping or a list of mappings."""
    kind, _ = _unwrap(field.annotation)
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def human(section: BaseModel) -> dict[str, object]:
    """Return a model the way people write it: ``5m``, ``4Gi``, sorted lists, without unset keys."""
    return {
        name: _human(value, field)
        for name, field in type(section).model_fields.items()
        if (value := getattr(section, name)) is not None
    }


def _human(value: object, field: FieldInfo) -> object:
    match value:
        case BaseModel():
            return human(value)
        case timedelta():
            return format_duration(value)
        case frozenset():
            return sorted(str(item) for item in value)
        case tuple():
            return [_human(item, field) for item in value]
        case Path() | HttpUrl():
            return str(value)
        case int() if _is_bytes(field):
            return format_bytes(value)
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def _is_bytes(field: FieldInfo) -> bool:
    return any(
        isinstance(item, BeforeValidator) and item.func is parse_bytes for item in field.metadata
    )


def _unwrap(annotation: Any) -> tuple[Any, bool]:
    """Strip optionality, ``Annotated`` and one container.

    Returns
    -------
    type
        The type, or the type of the items.
    bool
        Whether it was a container.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return _unwrap(next(item for item in arguments if item is not type(None)))
    if origin in (frozenset, tuple):
        return _unwrap(arguments[0])[0], True
    if hasattr(annotation, "__metadata__"):
        return _unwrap(arguments[0])
    return annotation, False


_WORDS: dict[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "true or false",
    timedelta: "duration",
    Path: "file",
    HttpUrl: "address",
}


def _type_name(field: FieldInfo) -> str:
    kind, many = _unwrap(field.annotation)
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(str(item) for item in get_args(kind))
    if _is_bytes(field):
        return "size"
    word = "mapping" if section_of(field) else _WORDS[kind]
    return f"list of {word}s" if many else word
