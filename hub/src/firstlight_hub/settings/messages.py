"""Turn pydantic's errors into sentences for the operator."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import yaml
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from firstlight_common.units import format_duration
from firstlight_hub.settings.composed import settings_model
from firstlight_hub.settings.keys import Key, section_of

__all__ = ["dump", "example_of", "inline", "sentence"]

_EXPECTED = {
    "string_type": "a string; put it in quotes",
    "int_type": "an integer",
    "int_parsing": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "frozen_set_type": "a list",
    "tuple_type": "a list",
    "model_type": "a mapping: keys with colons, indented under it",
    "model_attributes_type": "a mapping: keys with colons, indented under it",
    "path_type": "the path of a file",
    "url_type": "an address such as https://example.org",
    "url_parsing": "an address such as https://example.org",
    "url_scheme": "an address that starts with http:// or https://",
}

_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def sentence(error: ErrorDetails) -> str:
    """Return a sentence that says what is wrong with a value."""
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    shown = _shown(value)
    if kind in _EXPECTED:
        return f"{shown} is not valid here; expected {_EXPECTED[kind]}."
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"{shown} is out of range: it must be {words} {_bound(context[name])}."
    match kind:
        case "literal_error":
            return f"{shown} is not one of the choices: {context['expected']}."
        case "string_pattern_mismatch":
            return f"{shown} does not have the right format."
        case "string_too_long":
            return f"The string is too long: {context['max_length']} characters at most."
        case "string_too_short":
            return "The string is empty."
        case "too_long" | "too_short":
            words = "at most" if kind == "too_long" else "at least"
            limit = context.get("max_length", context.get("min_length"))
            return f"The list has {context['actual_length']} items; it must have {words} {limit}."
        case _:
            text = str(context["error"]) if "error" in context else error["msg"]
            return f"{text[0].upper()}{text[1:].rstrip('.')}."


def example_of(name: str, field: FieldInfo) -> str:
    """Return a valid line for a key; an empty string if none is short enough."""
    value = Key(name, field, settings_model()).example
    if section_of(field) or value is None:
        return ""
    return f"{name}: {inline(value)}"


def dump(data: Mapping[str, object]) -> str:
    """Return YAML with the keys in the given order."""
    text: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=1000)
    return text


def inline(value: object) -> str:
    """Return a value as one line of YAML."""
    text: str = yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=1000)
    return text.strip()[1:-1]


def _bound(limit: object) -> str:
    return format_duration(limit) if isinstance(limit, timedelta) else f"{limit}"


def _shown(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case timedelta():
            return format_duration(value)
        case dict():
            return "A mapping"
        case list():
            return "A list"
        case str() if len(value) > 60:
            return f'"{value[:57]}…"'
        case str():
            return f'"{value}"'
        case _:
            return str(value)
