"""The hub's process: JupyterHub, and what has to run from its start."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyterhub.app import JupyterHub
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPServerRequest
from tornado.web import Application
from traitlets import Callable as CallableTrait
from traitlets import Instance, List, default

from firstlight_common.origins import Origins
from firstlight_hub.protocols import Hub, Route
from firstlight_hub.secure import ORIGINS, StaticFilesHandler, secured

if TYPE_CHECKING:
    from tornado.web import _HandlerDelegate

__all__ = ["FirstLightHub", "StartHook"]

_MOST_BYTES = 1024**2
"""Largest request body; the forms and the interface need far less."""

type StartHook = Callable[[Hub], Awaitable[None]]
"""A function that is awaited once the hub has started."""


class FirstLightHub(JupyterHub):
    """JupyterHub with secure handlers, and hooks that run once it has started.

    Notes
    -----
    `start` is where traitlets applications are extended. JupyterHub has no hook of its own that is
    called when the hub serves requests; its authenticator and spawner are called for requests only.
    """

    start_hooks = List(
        CallableTrait(),
        config=True,
        help="Coroutine functions that are called with the hub once it serves requests.",
    )

    handlers: list[Route]

    origins = Instance(
        Origins,
        args=("",),
        config=True,
        help="The main origin and the labs' domain; default: labs share the hub's origin.",
    )

    @default("config_file")
    def _our_configuration(self) -> str:
        return str(Path(__file__).with_name("jupyterhub_config.py"))

    def init_handlers(self) -> None:
        """Make all handlers, JupyterHub's and ours, secure ones."""
        super().init_handlers()
        self.handlers = secured(self.handlers)

    def init_tornado_settings(self) -> None:
        """Pass on what secure handlers need."""
        self.tornado_settings.setdefault("static_handler_class", StaticFilesHandler)
        self.tornado_settings[ORIGINS] = self.origins
        super().init_tornado_settings()

    def init_tornado_application(self) -> None:
        """Make the application one that bounds requests."""
        self.tornado_application = _BoundedApplication(
            self.handlers,  # type: ignore[arg-type]
            **self.tornado_settings,
        )

    async def start(self) -> None:
        """Start the hub, then run the hooks in the background."""
        await super().start()
        if self.http_server is None:
            return  # only a file or a certificate was written
        self._hooks = [asyncio.create_task(self._run(hook)) for hook in self.start_hooks]

    async def _run(self, hook: StartHook) -> None:
        try:
            await hook(self)
        except Exception:
            self.log.exception("A start hook failed: %r", hook)


class _BoundedApplication(Application):
    """An application whose requests have small bodies.

    Notes
    -----
    tornado keeps a body in memory before it asks who sent it, up to 100 MB by default, and
    JupyterHub has no setting for that. This is called when a request's headers have arrived.
    """

    def find_handler(
        self,
        request: HTTPServerRequest,
        **arguments: Any,
    ) -> _HandlerDelegate:
        """Return what handles a request, and bound its body."""
        if isinstance(request.connection, HTTP1Connection):
            request.connection.set_max_body_size(_MOST_BYTES)
        return super().find_handler(request, **arguments)
