"""The entry point of the image service: its routes, and what they work with.

Notes
-----
For now it describes what the repositories hold. The RemoteButler server
(``repo/LABEL/butler.yaml``, ``repo/LABEL/v1/…``) and cutouts will be handlers next to
`RepositoryHandler`, over the same `Repositories`.
"""

from __future__ import annotations

from collections.abc import Sequence

from firstlight_services import web
from firstlight_services.butler.component import COMPONENT
from firstlight_services.butler.handlers import RepositoriesHandler, RepositoryHandler
from firstlight_services.butler.service import Repositories
from firstlight_services.butler.settings import ButlerSettings

__all__ = ["build", "main", "make_app", "routes"]


def routes(context: web.ServiceContext[ButlerSettings]) -> list[web.Route]:  # noqa: ARG001
    """Return the service's routes."""
    return [
        (r"repo/?", RepositoriesHandler),
        (r"repo/([^/]+)/?", RepositoryHandler),
    ]


def build(context: web.ServiceContext[ButlerSettings]) -> Repositories:
    """Make what the handlers work with: the repositories of the site's data sets."""
    return Repositories(
        {
            data_set.label: data_set.repository
            for data_set in context.runtime.datasets
            if data_set.repository is not None
        }
    )


def make_app(context: web.ServiceContext[ButlerSettings]) -> web.ServiceApplication[Repositories]:
    """Put the service together."""
    return web.ServiceApplication(context, routes(context), build(context))


def main(argv: Sequence[str] | None = None) -> None:
    """Run the image service."""
    state_dir = web.parse_state_dir(argv, COMPONENT.name)
    web.run_service(make_app(web.load_context(state_dir, COMPONENT.name, ButlerSettings)))
