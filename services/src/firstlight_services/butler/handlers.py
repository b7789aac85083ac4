"""``/api/butler/repo/``: which repositories there are, and what each holds."""

from __future__ import annotations

from firstlight_services.butler.service import Repositories
from firstlight_services.web import ServiceHandler

__all__ = ["RepositoriesHandler", "RepositoryHandler"]


class _ImageHandler(ServiceHandler):
    """What the handlers share."""

    @property
    def repositories(self) -> Repositories:
        """The site's repositories."""
        repositories: Repositories = self.settings["repositories"]
        return repositories


class RepositoriesHandler(_ImageHandler):
    """``repo/``: the repositories of this site, by label."""

    async def get(self) -> None:
        """Answer."""
        # Addresses come from the settings, never from the request's Host.
        base = f"{self.context.public_url}{self.context.prefix}repo/"
        self.write_json(
            {
                "repositories": [
                    {"label": label, "url": f"{base}{label}/"} for label in self.repositories.labels
                ]
            }
        )


class RepositoryHandler(_ImageHandler):
    """``repo/LABEL/``: what a repository holds."""

    async def get(self, label: str) -> None:
        """Answer."""
        self.write_json((await self.repositories.describe(label)).as_json())
