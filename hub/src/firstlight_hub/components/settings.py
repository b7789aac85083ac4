"""The settings of the hub's own components."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from firstlight_common.section import Section
from firstlight_common.units import Duration

__all__ = ["ForksSettings"]


class ForksSettings(Section):
    """The process from which labs are forked, so that they start at once."""

    enabled: bool = Field(
        default=True,
        description="Whether labs are forked. Without it, each lab imports its server itself, "
        "which takes some seconds.",
    )
    renew: Duration = Field(
        default=timedelta(days=1),
        description="How often the process is replaced. All labs that one process forks have the "
        "same layout of memory, so that what somebody learns of one helps against the others.",
    )
