"""The settings of the portal: its section ``services.portal`` in ``platform.yaml``."""

from __future__ import annotations

from pydantic import Field

from firstlight_common.section import Section

__all__ = ["PortalSettings"]


class PortalSettings(Section):
    """The catalog portal."""

    enabled: bool = Field(
        True, description="Whether the catalog pages are offered (the landing page always is)."
    )
