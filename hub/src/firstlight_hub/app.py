"""The hub's process: JupyterHub, and what has to run from its start."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from jupyterhub.app import JupyterHub
from traitlets import Callable as CallableTrait
from traitlets import List, default

from firstlight_hub.protocols import Hub

__all__ = ["FirstLightHub", "StartHook"]

type StartHook = Callable[[Hub], Awaitable[None]]
"""A function that is awaited once the hub has started."""


class FirstLightHub(JupyterHub):
    """JupyterHub with hooks that run once it has started.

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

    @default("config_file")
    def _our_configuration(self) -> str:
        return str(Path(__file__).with_name("jupyterhub_config.py"))

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
