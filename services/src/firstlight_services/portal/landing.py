"""The front page, and the live state of the site that it shows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from firstlight_common.runtime import sample_folder
from firstlight_services.portal.models import SiteState
from firstlight_services.portal.pages import PageHandler
from firstlight_services.portal.service import Portal
from firstlight_services.web import ServiceHandler

__all__ = ["FaviconHandler", "LandingHandler", "LandingPage", "StateHandler"]


@dataclass(frozen=True)
class LandingPage:
    """What the front page shows.

    Attributes
    ----------
    picture
        Whether there is a preview picture.
    provider
        How people log in: ``local`` or ``github``.
    """

    template: ClassVar[str] = "landing.html"
    state: SiteState
    picture: bool
    provider: str


class LandingHandler(PageHandler[Portal]):
    """``/``: what the site offers, who may use it, how to log in, and its present state."""

    async def get(self) -> None:
        """Show the page; it is complete without JavaScript."""
        picture = sample_folder(self.context.state_dir) / "preview.png"
        self.render_page(
            LandingPage(
                state=await self.service.board.state(),
                picture=any(one.sample for one in self.context.runtime.datasets)
                and await asyncio.to_thread(picture.is_file),
                provider=self.context.shared.identity.provider,
            )
        )


class StateHandler(ServiceHandler[Portal]):
    """``/state.json``: the same state for the page's script; open to all, names nobody."""

    requires_login = False

    async def get(self) -> None:
        """Return the site's state as JSON."""
        self.write_json((await self.service.board.state()).as_json())


class FaviconHandler(ServiceHandler[Portal]):
    """``/favicon.ico``, which browsers request without being told to."""

    requires_login = False

    async def get(self) -> None:
        """Redirect to the SVG icon."""
        self.redirect("/assets/favicon.svg", permanent=True)
