"""The page that starts a lab: only its form's button does, not an address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyterhub.handlers.pages import SpawnHandler as HubSpawnHandler
from tornado import web

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from firstlight_hub.protocols import Route

__all__ = ["handlers"]

_KEPT = {"next"}


def handlers() -> list[Route]:
    """Return the routes; they come before the hub's own."""
    return [(r"/spawn", SpawnHandler), (r"/spawn/([^/]+)", SpawnHandler)]


class SpawnHandler(HubSpawnHandler):
    """``/hub/spawn``: the hub's own, except that options in an address start nothing.

    Notes
    -----
    JupyterHub starts a lab when somebody opens ``/hub/spawn?OPTION=…``. A page of a lab or of
    another site can open that in its visitor's browser, and so choose for them, for instance to
    reset their environment.
    """

    @web.authenticated
    def get(self, user_name: str | None = None, server_name: str = "") -> Awaitable[None]:
        """Show the form, or lead to the lab if it runs."""
        arguments = self.request.query_arguments
        self.request.query_arguments = {k: v for k, v in arguments.items() if k in _KEPT}
        shown: Awaitable[None] = super().get(user_name, server_name)
        return shown
