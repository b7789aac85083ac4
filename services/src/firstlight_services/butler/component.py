"""The image service as a component; loaded by the hub, so it imports no server."""

from __future__ import annotations

from firstlight_common.components import Component, HubService
from firstlight_services.butler.settings import ButlerSettings

__all__ = ["COMPONENT"]

COMPONENT = Component(
    name="butler",
    title="Images",
    path="/api/butler/",
    command=("{python}", "-m", "firstlight_services.butler", "--state-dir", "{state_dir}"),
    hub_service=HubService(allows="use the images"),
    settings=ButlerSettings,
)
"""The image service."""
