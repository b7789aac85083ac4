"""What the templates say about this site."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from firstlight_hub.settings import Settings
    from firstlight_hub.settings.runtime import Runtime
    from firstlight_hub.spawner.models import Guarantee

__all__ = ["template_vars"]


def template_vars(
    settings: Settings, runtime: Runtime, isolation: Sequence[Guarantee] = ()
) -> dict[str, Any]:
    """Return the value of the templates' variable ``firstlight``.

    Parameters
    ----------
    settings, runtime
        The resolved ``platform.yaml`` and this run's addresses.
    isolation
        What labs are held to on this machine, for the admin page.
    """
    return {
        "site": settings.site.name,
        "contact": settings.site.contact,
        "accent": settings.branding.accent,
        "logo": settings.branding.logo is not None,
        "provider": settings.identity.provider,
        "portal": settings.services.portal.enabled and settings.services.tap.enabled,
        "demo": runtime.demo,
        "version": runtime.version,
        "isolation": list(isolation),
    }
