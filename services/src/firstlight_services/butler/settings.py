"""The settings of the image service: its section ``services.butler`` in ``platform.yaml``."""

from __future__ import annotations

from pydantic import Field

from firstlight_common.section import Section

__all__ = ["ButlerSettings"]


class ButlerSettings(Section):
    """Images through the Butler."""

    enabled: bool = Field(True, description="Whether the service runs.")
