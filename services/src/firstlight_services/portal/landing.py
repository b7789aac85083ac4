"""The front page and what it shows live."""

from __future__ import annotations

from firstlight_services.portal.pages import PageHandler
from firstlight_services.portal.status import StatusBoard
from firstlight_services.web import ServiceHandler

__all__ = ["LandingHandler", "StateHandler"]


class LandingHandler(PageHandler):
    """``/``: what the site offers, who may use it, how to get in, how it is doing."""

    async def get(self) -> None:
        """Show the page; it is complete without JavaScript."""
        board: StatusBoard = self.settings["board"]
        picture = self.context.state_dir / "data" / "preview.png"
        self.render_page(
            "landing.html",
            state=await board.state(),
            picture=picture.is_file(),
            provider=self.context.settings.identity.provider,
        )


class StateHandler(ServiceHandler):
    """``/state.json``: the same state for the page's script; open to all, names nobody."""

    requires_login = False

    async def get(self) -> None:
        """Answer."""
        board: StatusBoard = self.settings["board"]
        self.write_json((await board.state()).as_json())
