"""Run a service: one process, one port on loopback, a clean stop."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tornado.httpserver import HTTPServer

from firstlight_services.web.application import ServiceApplication

__all__ = ["parse_state_dir", "run_service"]

_log = logging.getLogger(__name__)

_DRAIN_SECONDS = 8.0


def run_service[T](app: ServiceApplication[T], *, max_body_bytes: int = 4 * 1024**2) -> None:
    """Serve on 127.0.0.1 until SIGTERM or SIGINT; then let running requests finish.

    Parameters
    ----------
    max_body_bytes
        Largest request body.
    """
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname).1s %(message)s"
    )
    # Anything this process writes can be read by its owner only.
    os.umask(0o077)
    asyncio.run(_serve(app, max_body_bytes))


async def _serve[T](app: ServiceApplication[T], max_body_bytes: int) -> None:
    context = app.context
    port = context.component.port
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with app.running():
        server = HTTPServer(app, max_body_size=max_body_bytes, idle_connection_timeout=75)
        server.listen(port, "127.0.0.1")
        _log.info("%s %s listens on 127.0.0.1:%d", context.name, context.version, port)
        await stopping.wait()
        _log.info("%s is stopping", context.name)
        server.stop()
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                await _drained(app)
        except TimeoutError:
            _log.warning("requests still ran after %.0f s and were aborted", _DRAIN_SECONDS)
        await server.close_all_connections()


async def _drained[T](app: ServiceApplication[T]) -> None:
    """Wait until no handler is at work."""
    while app.requests:  # noqa: ASYNC110 (many handlers, checked once, at the end)
        await asyncio.sleep(0.02)


def parse_state_dir(argv: Sequence[str] | None, name: str) -> Path:
    """Read the one option that services have, ``--state-dir``."""
    parser = argparse.ArgumentParser(prog=name)
    parser.add_argument("--state-dir", type=Path, required=True, metavar="DIR")
    state_dir: Path = parser.parse_args(argv).state_dir
    return state_dir.resolve()
