"""The door to the image service: its routes, and what they work with.

Notes
-----
For now it tells what the repositories hold. The RemoteButler server (``repo/LABEL/butler.yaml``,
``repo/LABEL/v1/…``) and cutouts will stand beside `RepositoryHandler`, over the same
`Repositories`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from firstlight_services import web
from firstlight_services.butler.handlers import RepositoriesHandler, RepositoryHandler
from firstlight_services.butler.service import Repositories

__all__ = ["LABELS", "build", "main", "routes"]

LABELS = ("dp01",)
"""The repositories that a site has; each in ``data/butler/LABEL`` of the state directory."""


def routes(context: web.ServiceContext) -> list[web.Route]:  # noqa: ARG001 (as every service)
    """Return the service's routes."""
    return [
        (r"repo/?", RepositoriesHandler),
        (r"repo/([^/]+)/?", RepositoryHandler),
    ]


def build(context: web.ServiceContext) -> dict[str, Any]:
    """Make the objects that the handlers work with."""
    folder = context.state_dir / "data" / "butler"
    return {"repositories": Repositories({label: folder / label for label in LABELS})}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the image service."""
    context = web.load_context(web.parse_state_dir(argv, "butler"), "butler")
    web.run_service(context, routes(context), **build(context))
