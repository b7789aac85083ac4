"""What the portal's handlers work with."""

from __future__ import annotations

from dataclasses import dataclass

from firstlight_services.portal.catalog import CatalogClient
from firstlight_services.portal.session import HubLogin, Sealer
from firstlight_services.portal.status import StatusBoard

__all__ = ["Portal"]


@dataclass(frozen=True)
class Portal:
    """The portal's collaborators.

    Attributes
    ----------
    board
        The state of the site.
    catalog
        The client of the catalog service; None if this site does not offer catalog pages.
    login
        The login through the hub.
    sealer
        What encrypts cookies.
    """

    board: StatusBoard
    catalog: CatalogClient | None
    login: HubLogin
    sealer: Sealer

    def close(self) -> None:
        """Close the connections to other components."""
        self.board.close()
        if self.catalog is not None:
            self.catalog.close()
