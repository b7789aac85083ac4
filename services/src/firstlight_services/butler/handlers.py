"""``/api/butler/repo/``: the repositories of this site, and what each of them holds."""

from __future__ import annotations

from firstlight_services.butler.service import Repositories
from firstlight_services.web import ServiceHandler

__all__ = ["RepositoriesHandler", "RepositoryHandler"]


class RepositoriesHandler(ServiceHandler[Repositories]):
    """``repo/``: the repositories of this site, by label."""

    async def get(self) -> None:
        """Return the labels and addresses as JSON."""
        # Addresses come from the settings, never from the request's Host.
        base = f"{self.context.public_url}{self.context.prefix}repo/"
        self.write_json(
            {
                "repositories": [
                    {"label": label, "url": f"{base}{label}/"} for label in self.service.labels
                ]
            }
        )


class RepositoryHandler(ServiceHandler[Repositories]):
    """``repo/LABEL/``: what a repository holds."""

    async def get(self, label: str) -> None:
        """Return the repository's description as JSON."""
        self.write_json((await self.service.describe(label)).as_json())
