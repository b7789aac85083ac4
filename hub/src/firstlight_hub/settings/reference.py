"""The reference page of all settings, generated from the model."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import groupby

from pydantic import JsonValue
from pydantic.fields import FieldInfo

from firstlight_common.section import Section
from firstlight_hub.settings.composed import settings_model
from firstlight_hub.settings.keys import Key, keys, section_of
from firstlight_hub.settings.messages import inline

__all__ = ["json_schema", "reference"]

_HEAD = """\
# Configuration reference

<!-- Written by `python -m firstlight_hub.settings reference`; do not edit by hand. -->

Everything that you can set in `platform.yaml`. The file may be empty or absent: each setting has a
default, and an empty file is a working platform. Pass the file with `make up CONFIG=platform.yaml`
or `firstlight up --config platform.yaml`; look at the result with `firstlight config show`, and
find mistakes with `firstlight config check`.

- A **duration** is a number and a unit: `90s`, `15m`, `4h`, `14d`, `2w`, or several: `1h30m`.
- A **size** is a number and a unit: `512Mi`, `4Gi`, `1Ti` (powers of 1024) or `2G` (of 1000).
- A **file** with a relative path is relative to the folder of `platform.yaml`.
- Secrets are never in this file: name a file that holds them, or use the environment.
"""


def reference() -> str:
    """Return the page, in Markdown."""
    parts = [_HEAD]
    fields = settings_model().model_fields
    for name, group in groupby(keys(), key=lambda key: key.path.split(".")[0].rstrip("[]")):
        section = section_of(fields[name])
        parts.append(f"## `{name}`\n\n{_summary(section)}\n\n{_table(group)}")
    missing = [name for name, field in fields.items() if _is_empty(field)]
    parts += [f"## `{name}`\n\n{fields[name].description}\n" for name in missing]
    parts.append(f"## An example\n\n```yaml\n{_EXAMPLE}```\n")
    return "\n".join(parts)


_EXAMPLE = """\
site:
  name: Data Preview 0
  public_url: https://data.lsst.cloud
  contact: help@data.lsst.cloud
identity:
  provider: github
  github:
    client_id: Iv1.8a61f9b3a7aba766
    client_secret_file: github-client-secret
access:
  teams: [lsst:dp0-users]
  blocked: [mallory]
  administrators:
    teams: [lsst:sqre]
"""


def json_schema() -> dict[str, JsonValue]:
    """Return the JSON Schema of ``platform.yaml``, with defaults in human units.

    Notes
    -----
    pydantic writes defaults as it dumps them (durations in seconds) and omits those made by a
    factory; here they are as people write them.
    """
    model = settings_model()
    schema = model.model_json_schema()
    for section in _sections(model):
        properties = schema if section is model else schema["$defs"][section.__name__]
        for name, field in section.model_fields.items():
            if field.is_required():
                continue
            default = Key(name, field, section).default
            if field.description and "description" not in properties["properties"][name]:
                properties["properties"][name]["description"] = field.description
            if section_of(field) is None or isinstance(default, list):
                properties["properties"][name]["default"] = default
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "platform.yaml"
    json.dumps(schema)  # raises if a default cannot be JSON: a mistake in the model
    return schema


def _sections(section: type[Section]) -> Iterable[type[Section]]:
    yield section
    for field in section.model_fields.values():
        if inner := section_of(field):
            yield from _sections(inner)


def _is_empty(field: FieldInfo) -> bool:
    section = section_of(field)
    return section is not None and not section.model_fields


def _summary(section: type[Section] | None) -> str:
    return (section.__doc__ or "").strip().partition("\n\n")[0] if section else ""


def _table(group: Iterable[Key]) -> str:
    rows = ["| key | type | default | what it does | example |", "|---|---|---|---|---|"]
    for key in group:
        cells = [
            f"`{key.path}`",
            key.type_name,
            _default(key),
            (key.field.description or "").replace("\n", " "),
            _code(key.field.examples[0]) if key.field.examples else "",
        ]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _default(key: Key) -> str:
    if key.field.is_required():
        return "*required*"
    value = key.default
    if isinstance(value, list) and section_of(key.field):
        return ", ".join(f"`{_name_of(item)}`" for item in value)
    return _code(value) if value is not None else "*unset*"


def _name_of(item: dict[str, str]) -> str:
    return next(item[key] for key in ("name", "label", "network") if item.get(key))


def _code(value: object) -> str:
    return f"`{inline(value)}`"
