"""The entry point of the catalog service: its routes, and what they work with."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from tornado.web import Application

from firstlight_services import web
from firstlight_services.tap.engines import Engine
from firstlight_services.tap.engines.duckdb import DuckDBEngine, tap_schema_file
from firstlight_services.tap.handlers import (
    AvailabilityHandler,
    CapabilitiesHandler,
    SyncHandler,
    TablesHandler,
    TapNotFoundHandler,
)
from firstlight_services.tap.policy import Limits
from firstlight_services.tap.service import QueryService

__all__ = ["build", "main", "routes"]


def routes(context: web.ServiceContext) -> list[web.Route]:  # noqa: ARG001 (every service has it)
    """Return the service's routes."""
    return [
        (r"sync", SyncHandler),
        (r"tables(?:/([^/]+))?", TablesHandler),
        (r"capabilities", CapabilitiesHandler),
        (r"availability", AvailabilityHandler),
    ]


def build(context: web.ServiceContext) -> dict[str, Any]:
    """Make the objects that the handlers work with."""
    settings = context.settings.services.tap
    service = QueryService(
        _engine(context),
        Limits(settings.default_rows, settings.max_rows),
        timeout=settings.timeout,
        # The engine's threads are shared by all queries; some more may wait for the disk.
        workers=2 * settings.threads,
    )
    return {"service": service, "not_found": TapNotFoundHandler}


def _engine(context: web.ServiceContext) -> Engine:
    """Make the engine that ``services.tap.engine`` names."""
    settings = context.settings.services.tap
    match settings.engine:
        case "duckdb":
            return DuckDBEngine(
                context.runtime.datasets,
                tap_schema_file(context.state_dir),
                threads=settings.threads,
                memory=settings.memory,
            )
    raise SystemExit(f"tap: there is no engine called {settings.engine}.")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the service."""
    context = web.load_context(web.parse_state_dir(argv, "tap"), "tap")
    web.run_service(context, routes(context), on_start=_warm, on_stop=_close, **build(context))


async def _warm(app: Application) -> None:
    # Kept in the settings: a task that nobody holds may be collected.
    app.settings["warming"] = asyncio.create_task(app.settings["service"].warm_up())


async def _close(app: Application) -> None:
    app.settings["warming"].cancel()
    app.settings["service"].close()
