"""The hub as services see it: its name, and the state that it reports to everybody."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["HUB_NAME", "HubState", "state_url"]

HUB_NAME = "hub"
"""The hub's name among the components."""


class HubState(BaseModel):
    """The hub's public state.

    Attributes
    ----------
    disk_full
        Whether the hub cannot write; it then refuses everybody.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    labs_running: int | None = None
    people_active: int | None = None
    disk_full: bool = False


def state_url(api_url: str) -> str:
    """Return the address of the public state, given that of the hub's API."""
    return f"{api_url.rstrip('/').removesuffix('/api')}/firstlight/state"
