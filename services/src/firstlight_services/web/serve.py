"""Run a service: one process, one port on loopback, a clean stop."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakSet

from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from firstlight_services.web.auth import TokenChecker
from firstlight_services.web.context import ServiceContext
from firstlight_services.web.handlers import HealthHandler, NotFoundHandler

__all__ = ["Hook", "Route", "make_app", "parse_state_dir", "run_service"]

_log = logging.getLogger(__name__)

Route = tuple[str, type[RequestHandler]] | tuple[str, type[RequestHandler], dict[str, Any]]
"""A path's pattern, its handler, the handler's arguments; relative to the prefix unless it starts
with ``/``."""

Hook = Callable[[Application], Awaitable[None]]

_DRAIN_SECONDS = 8.0


def make_app(
    context: ServiceContext,
    routes: Sequence[Route],
    *,
    checker: TokenChecker | None = None,
    not_found: type[RequestHandler] = NotFoundHandler,
    **settings: Any,
) -> Application:
    """Put handlers, context and token checker together.

    Parameters
    ----------
    routes
        The service's routes; ``healthz`` is added.
    checker
        Who knows whose token it is; by default the hub.
    not_found
        Handles whatever no route matches, in the service's own error format.
    **settings
        More tornado settings; handlers find them in ``self.settings``.
    """
    absolute = [
        (route[0] if route[0].startswith("/") else context.prefix + route[0], *route[1:])
        for route in (*routes, ("healthz", HealthHandler))
    ]
    return Application(
        absolute,
        default_handler_class=not_found,
        log_function=_log_request,
        context=context,
        checker=checker or TokenChecker.for_context(context),
        running=WeakSet(),
        **settings,
    )


def run_service(
    context: ServiceContext,
    routes: Sequence[Route],
    *,
    on_start: Hook | None = None,
    on_stop: Hook | None = None,
    max_body_bytes: int = 4 * 1024**2,
    **settings: Any,
) -> None:
    """Serve on 127.0.0.1 until SIGTERM or SIGINT; then let running requests finish.

    Parameters
    ----------
    on_start, on_stop
        Awaited with the application before the first request and after the last.
    max_body_bytes
        Largest request body.
    **settings
        Passed to `make_app`.
    """
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname).1s %(message)s"
    )
    # Anything this process writes is its owner's alone.
    os.umask(0o077)
    asyncio.run(_serve(context, routes, on_start, on_stop, max_body_bytes, settings))


async def _serve(
    context: ServiceContext,
    routes: Sequence[Route],
    on_start: Hook | None,
    on_stop: Hook | None,
    max_body_bytes: int,
    settings: dict[str, Any],
) -> None:
    app = make_app(context, routes, **settings)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    if on_start:
        await on_start(app)
    server = HTTPServer(app, max_body_size=max_body_bytes, idle_connection_timeout=75)
    server.listen(context.port, "127.0.0.1")
    _log.info("%s %s listens on 127.0.0.1:%d", context.name, context.version, context.port)
    await stopping.wait()
    _log.info("%s is stopping", context.name)
    server.stop()
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            await _drained(app)
    except TimeoutError:
        _log.warning("requests still ran after %.0f s and were cut", _DRAIN_SECONDS)
    await server.close_all_connections()
    if on_stop:
        await on_stop(app)
    app.settings["checker"].close()


async def _drained(app: Application) -> None:
    """Wait until no handler is at work."""
    while app.settings["running"]:  # noqa: ASYNC110 (many handlers, checked once, at the end)
        await asyncio.sleep(0.02)


def _log_request(handler: RequestHandler) -> None:
    """One line a request; never the query string, which may hold secrets."""
    person = getattr(handler, "_person", None)
    _log.info(
        "%d %s %s %.0fms %s",
        handler.get_status(),
        handler.request.method,
        handler.request.path,
        1000 * handler.request.request_time(),
        person.name if person else "-",
    )


def parse_state_dir(argv: Sequence[str] | None, name: str) -> Path:
    """Read the one option that services have, ``--state-dir``."""
    parser = argparse.ArgumentParser(prog=f"python -m firstlight_services.{name}")
    parser.add_argument("--state-dir", type=Path, required=True, metavar="DIR")
    state_dir: Path = parser.parse_args(argv).state_dir
    return state_dir.resolve()
