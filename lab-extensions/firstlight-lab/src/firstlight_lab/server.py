"""An extension of a lab's Jupyter server: limits answer with a sentence instead of an error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from jupyter_server.base.handlers import APIHandler
from jupyter_server.services.sessions.handlers import SessionRootHandler
from jupyter_server.utils import url_path_join
from jupyter_server_terminals.terminalmanager import MODEL
from tornado import web

from firstlight_lab.kernels import ENDS, Option
from firstlight_lab.limits import explaining
from firstlight_lab.websockets import BoundedKernelManager, BoundedTerminalManager

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

__all__ = ["EndsHandler", "LabKernels", "LabTerminals", "SessionsHandler"]


class LabKernels(BoundedKernelManager):
    """Starts kernels; if the lab has too many processes, the error says so."""

    async def start_kernel(self, **kwargs: Option) -> str:
        """Start a kernel and return its id."""
        with explaining("A new kernel cannot start"):
            return await super().start_kernel(**kwargs)


class LabTerminals(BoundedTerminalManager):
    """Starts terminals; if the lab has too many processes, the error says so."""

    def create(self, **kwargs: Option) -> MODEL:
        """Start a terminal and return its model."""
        with explaining("A new terminal cannot start"):
            return super().create(**kwargs)


class SessionsHandler(SessionRootHandler):
    """Starts sessions; keeps the status of errors of `LabKernels`, which upstream makes a 500."""

    async def post(self) -> None:
        """Start a session."""
        try:
            await super().post()
        except web.HTTPError as error:
            if isinstance(error.__cause__, web.HTTPError):
                raise error.__cause__ from error
            raise


class EndsHandler(APIHandler):
    """Returns the kernels that a limit ended; JupyterLab shows the reason."""

    @web.authenticated
    def get(self) -> None:
        """Answer with a list of `KernelEnd`, oldest first."""
        self.finish(json.dumps([end.as_json() for end in ENDS]))


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: ServerApp) -> None:
    """Add the handlers to a lab's server; tornado asks them before Jupyter's own."""
    base = app.web_app.settings["base_url"]
    handlers = (("firstlight/ends", EndsHandler), ("api/sessions", SessionsHandler))
    app.web_app.add_handlers(
        ".*$", [(url_path_join(base, path), handler) for path, handler in handlers]
    )
