"""Find the installed components, and check that they are compatible."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from firstlight_common.components import ENTRY_POINTS, Component
from firstlight_hub.components.builtin import HUB, PROXY

__all__ = ["ComponentError", "check", "discover"]


class ComponentError(Exception):
    """An installed package describes a component that the platform cannot use."""


@cache
def discover() -> tuple[Component, ...]:
    """Return all components: proxy, hub, then those of installed packages by their names.

    Raises
    ------
    ComponentError
        If a description cannot be loaded, or two of them claim the same name or path.

    Notes
    -----
    A component's module is imported, and with it the model of its settings; the code of the
    component is not.
    """
    found = [_load(point) for point in entry_points(group=ENTRY_POINTS)]
    components = (PROXY, HUB, *sorted(found, key=lambda component: component.name))
    check(components)
    return components


def check(components: Iterable[Component]) -> None:
    """Refuse components that claim the same name or the same public path.

    Raises
    ------
    ComponentError
        Naming both of them; or if none serves the front page.
    """
    owners: dict[str, str] = {}
    names: set[str] = set()
    for component in components:
        if component.name in names:
            raise ComponentError(f'Two installed components have the name "{component.name}".')
        names.add(component.name)
        for path in (component.path, *component.more_paths):
            if path and owners.setdefault(path, component.name) != component.name:
                raise ComponentError(
                    f"The components {owners[path]} and {component.name} both claim {path}."
                )
    if "/" not in owners:
        raise ComponentError("No installed component serves the front page, /.")


def _load(point: EntryPoint) -> Component:
    try:
        found = point.load()
    except Exception as error:
        raise ComponentError(
            f"The component {point.name} ({point.value}) cannot be loaded: {error}"
        ) from error
    if not isinstance(found, Component) or found.name != point.name:
        raise ComponentError(
            f"{point.value} is not the description of a component named {point.name}."
        )
    return found
