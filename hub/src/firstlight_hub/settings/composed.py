"""All of ``platform.yaml``: our own sections, and one for each installed service."""

from __future__ import annotations

from functools import cache
from inspect import getdoc

from pydantic import Field, create_model

from firstlight_common.section import Section
from firstlight_hub.components import discover
from firstlight_hub.settings.model import Services, Settings

__all__ = ["settings_model"]


@cache
def settings_model() -> type[Settings]:
    """Return the model of ``platform.yaml`` on this installation.

    Raises
    ------
    ComponentError
        If an installed component cannot be described.

    Notes
    -----
    `Settings` has all sections but those below ``services``, which each service's package brings
    along; so it is what code in the hub is written for, and this is what a file is read with.
    """
    sections = {
        component.name: component.settings
        for component in discover()
        if component.settings is not None
    }
    services = create_model(  # type: ignore[call-overload]
        "Services",
        __base__=Services,
        __module__=__name__,
        **{name: (model, _field(model)) for name, model in sections.items()},
    )
    services.__doc__ = Services.__doc__
    model: type[Settings] = create_model(
        "Settings",
        __base__=Settings,
        __module__=__name__,
        services=(
            services,
            Field(
                default_factory=services, description=Settings.model_fields["services"].description
            ),
        ),
    )
    model.__doc__ = Settings.__doc__
    return model


def _field(section: type[Section]) -> Section:
    """Return the field of a service's section: optional, with the section's own defaults."""
    found: Section = Field(
        default_factory=section, description=(getdoc(section) or "").split("\n", 1)[0]
    )
    return found
