"""The catalog service as a component; loaded by the hub, so it imports no server."""

from __future__ import annotations

from firstlight_common.components import Component, HubService
from firstlight_services.tap.settings import TapSettings

__all__ = ["COMPONENT"]

COMPONENT = Component(
    name="tap",
    title="Catalogs",
    path="/api/tap/",
    command=("{python}", "-m", "firstlight_services.tap", "--state-dir", "{state_dir}"),
    prepare=("{python}", "-m", "firstlight_services.tap.prepare", "--state-dir", "{state_dir}"),
    hub_service=HubService(allows="use the catalogs"),
    settings=TapSettings,
)
"""The catalog service."""
