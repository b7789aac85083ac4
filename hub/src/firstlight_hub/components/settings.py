"""The settings of the hub's own components."""

from __future__ import annotations

from pydantic import Field

from firstlight_common.section import Section

__all__ = ["ForksSettings"]


class ForksSettings(Section):
    """The process from which labs are forked, so that they start at once."""

    enabled: bool = Field(
        default=True,
        description="Whether labs are forked. Without it, each lab imports its server itself, "
        "which takes some seconds.",
    )
