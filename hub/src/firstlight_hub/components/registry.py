"""Find the components that are installed, and check that they fit together."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from firstlight_common.components import ENTRY_POINTS, Component
from firstlight_hub.components.builtin import FORKS, HUB, PROXY
from firstlight_hub.components.check import ComponentError, check

__all__ = ["discover"]


@cache
def discover() -> tuple[Component, ...]:
    """Return all components: the built-in ones, then those of installed packages by their names.

    Raises
    ------
    ComponentError
        If a description cannot be loaded or used, or two of them claim the same name or path.

    Notes
    -----
    A component's module is imported, and with it the model of its settings; the code of the
    component is not.
    """
    found = [_load(point) for point in entry_points(group=ENTRY_POINTS)]
    components = (PROXY, HUB, FORKS, *sorted(found, key=lambda component: component.name))
    check(components)
    return components


def _load(point: EntryPoint) -> Component:
    package = point.dist.name if point.dist else "an installed package"
    try:
        found = point.load()
    except Exception as error:
        raise ComponentError(
            f"The component {point.name} of {package} cannot be loaded from {point.value}: "
            f"{type(error).__name__}: {error}. Fix or uninstall {package}."
        ) from error
    if not isinstance(found, Component):
        raise ComponentError(
            f"{point.value} of {package} is not the description of a component. "
            f"Fix or uninstall {package}."
        )
    if found.name != point.name:
        raise ComponentError(
            f"The entry point {point.name} of {package} describes a component named {found.name}; "
            f"both names must be the same. Fix or uninstall {package}."
        )
    return found
