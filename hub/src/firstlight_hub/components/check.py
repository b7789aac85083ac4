"""Whether descriptions of components can be used, each by itself and all together."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import product

from pydantic import JsonValue, ValidationError

from firstlight_common import paths
from firstlight_common.components import Component
from firstlight_common.places import Places
from firstlight_common.section import Section
from firstlight_hub.components.builtin import HUB

__all__ = ["ComponentError", "check"]

_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
_PATH = re.compile(r"/(?:[A-Za-z0-9._~-]+/)*")
_SECRET = re.compile(r"[a-z][a-z0-9_]{0,60}")
_RESERVED = {"operator", "supervisor"}
"""Names of what is no component but has a log or a secret like one."""


class ComponentError(Exception):
    """An installed package describes a component that the platform cannot use."""


def check(components: Iterable[Component]) -> None:
    """Refuse components that cannot be used, or that claim the same name or public path.

    Raises
    ------
    ComponentError
        With all problems, a line for each.
    """
    known = tuple(components)
    problems = [
        f"The component {component.name!r} cannot be used: {problem}."
        for component in known
        for problem in _problems(component, known)
    ]
    problems += _conflicts(known)
    if problems:
        raise ComponentError("\n".join(problems))


def _problems(component: Component, known: tuple[Component, ...]) -> Iterator[str]:
    if not _NAME.fullmatch(component.name) or component.name in _RESERVED:
        yield "its name must be lower-case letters, digits and hyphens, and not reserved"
    if component.runs not in ("always", "enabled", "demo"):
        yield f"it runs {component.runs!r}, which is not always, enabled or demo"
    for secret in (*component.secrets.values(), *component.secret_files):
        if not _SECRET.fullmatch(secret):
            yield f"{secret!r} cannot be the name of a secret"
    yield from _path_problems(component)
    yield from _service_problems(component, known)
    yield from _settings_problems(component)
    if component.command and isinstance(component.command, tuple):
        yield from _placeholder_problems(component, known)
    else:
        yield "it has no command, a tuple of strings"


def _path_problems(component: Component) -> Iterator[str]:
    for path in (component.path, *component.more_paths):
        if path and not _PATH.fullmatch(path):
            yield f"its path {path!r} must begin and end with a slash"
        elif path.startswith(paths.HUB) and component.name != HUB.name:
            yield f"its path {path} belongs to the hub"


def _service_problems(component: Component, known: tuple[Component, ...]) -> Iterator[str]:
    service = component.hub_service
    if service is None:
        return
    if not component.path:
        yield "a service of the hub needs a path"
    services = {one.name for one in known if one.hub_service is not None}
    for name in service.acts_at:
        if name not in services:
            yield f"it acts at {name!r}, which is not an installed service"


def _settings_problems(component: Component) -> Iterator[str]:
    if not _is_section(component.settings):
        yield "its settings are not a subclass of firstlight_common.section.Section"
    elif component.settings is not None:
        try:
            component.settings()
        except ValidationError as error:
            yield f"its settings need a valid default for each key: {error.errors()[0]['loc']}"


def _is_section(settings: object) -> bool:
    """Return whether it is a model of settings or None; what a package offers may be anything."""
    return settings is None or (isinstance(settings, type) and issubclass(settings, Section))


def _placeholder_problems(component: Component, known: tuple[Component, ...]) -> Iterator[str]:
    """Fill in every value once, to find placeholders that do not exist."""
    url = "http://127.0.0.1:1"
    names = [one.name for one in known]
    places = Places(
        ports=dict.fromkeys(names, 1),
        urls=dict.fromkeys(names, url),
        public_url=url,
        public_port=1,
        entrance=url,
        front=url,
        front_path="/",
        error_pages=url,
        bind="127.0.0.1",
        state_dir="/var",
        python="python",
        node="node",
        proxy="proxy",
        labs_python="python",
        host_routing="--host-routing",
    )
    own: dict[str, str | int] = {"port": 1, "url": url, "path": component.path}
    overlay = component.overlay
    values: list[tuple[JsonValue, dict[str, str | int]]] = [
        *((text, own) for text in (*component.command, *component.prepare)),
        *((text, own) for text in (*component.environment.values(), component.health)),
        *(((dict(overlay.under), {}), (dict(overlay.over), {})) if overlay else ()),
    ]
    for value, those in values:
        try:
            filled = places.fill(value, those)
        except (KeyError, IndexError, ValueError, AttributeError):
            yield f"{value!r} has a placeholder that does not exist"
            continue
        if value == component.health and not re.match(r"http://[^/]+/|unix:/", str(filled)):
            yield f"its health address {value!r} is not a URL; has it no path?"


def _conflicts(components: tuple[Component, ...]) -> Iterator[str]:
    owners: defaultdict[str, list[str]] = defaultdict(list)
    names: set[str] = set()
    for component in components:
        if component.name in names:
            yield f'Two installed components have the name "{component.name}".'
        names.add(component.name)
        for path in {component.path, *component.more_paths} - {""}:
            owners[path].append(component.name)
    for inner, outer in product(owners, owners):
        if outer not in {"/", inner} and inner.startswith(outer):
            yield (
                f"The path of {owners[inner][0]}, {inner}, is inside that of {owners[outer][0]}, "
                f"{outer}."
            )
    for path, those in owners.items():
        if len(those) > 1:
            yield f"The components {' and '.join(those)} both want the path {path}."
    if "/" not in owners:
        yield "No installed component serves the front page, /."
