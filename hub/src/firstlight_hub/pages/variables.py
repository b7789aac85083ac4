"""What every page knows of the site."""

from __future__ import annotations

from typing import Any

from firstlight_hub.settings import Runtime, Settings

__all__ = ["template_vars"]


def template_vars(settings: Settings, runtime: Runtime) -> dict[str, Any]:
    """Return what the templates find under ``firstlight``."""
    return {
        "site": settings.site.name,
        "contact": settings.site.contact,
        "accent": settings.branding.accent,
        "logo": settings.branding.logo is not None,
        "provider": settings.identity.provider,
        "portal": settings.services.portal.enabled,
        "demo": runtime.demo,
        "version": runtime.version,
    }
