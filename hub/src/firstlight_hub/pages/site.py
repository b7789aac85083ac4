"""What the templates say about this site."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firstlight_common.commands import firstlight_anywhere

if TYPE_CHECKING:
    from firstlight_common.runtime import Runtime
    from firstlight_hub.settings import Settings
    from firstlight_hub.spawner.models import Guarantee

__all__ = ["disk_is_full", "template_vars"]


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
        "pages": list(runtime.pages()),
        "services": list(runtime.services()),
        "token_scopes": " ".join(one.scope for one in runtime.services() if one.page is None),
        "demo": runtime.demo,
        "version": runtime.version,
        "disk_is_full": partial(disk_is_full, runtime.state_dir),
        "origins": runtime.origins,
        "isolation": list(isolation),
        "commands": {
            "link": firstlight_anywhere("link", "--user", "NAME", state_dir=runtime.state_dir),
            "doctor": firstlight_anywhere("doctor", state_dir=runtime.state_dir),
        },
    }


def disk_is_full(folder: Path) -> bool:
    """Return whether a folder's disk has no room even for a session."""
    return shutil.disk_usage(folder).free < 1024**2
