"""The entry point of the catalog service: its routes, and what they work with.

Only this module and `firstlight_services.tap.prepare` name the engine; so far there is one.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from firstlight_services import web
from firstlight_services.tap.component import COMPONENT
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
from firstlight_services.tap.settings import TapSettings

__all__ = ["build", "main", "make_app", "routes"]


def routes(context: web.ServiceContext[TapSettings]) -> list[web.Route]:  # noqa: ARG001
    """Return the service's routes."""
    return [
        (r"sync", SyncHandler),
        (r"tables(?:/([^/]+))?", TablesHandler),
        (r"capabilities", CapabilitiesHandler),
        (r"availability", AvailabilityHandler),
    ]


def build(context: web.ServiceContext[TapSettings]) -> QueryService:
    """Make what the handlers work with."""
    settings = context.settings
    return QueryService(
        _engine(context),
        Limits(settings.default_rows, settings.max_rows),
        timeout=settings.timeout,
        # The engine's threads are shared by all queries; some more may wait for the disk.
        workers=2 * settings.threads,
    )


def make_app(context: web.ServiceContext[TapSettings]) -> web.ServiceApplication[QueryService]:
    """Put the service together."""
    return web.ServiceApplication(
        context,
        routes(context),
        build(context),
        not_found=TapNotFoundHandler,
        lifespan=_lifespan,
    )


def _engine(context: web.ServiceContext[TapSettings]) -> Engine:
    settings = context.settings
    return DuckDBEngine(
        context.runtime.datasets,
        tap_schema_file(context.state_dir),
        threads=settings.threads,
        memory=settings.memory,
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run the service."""
    state_dir = web.parse_state_dir(argv, COMPONENT.name)
    app = make_app(web.load_context(state_dir, COMPONENT.name, TapSettings))
    web.run_service(app)
    if not app.service.close():
        # Python waits for threads when it exits, but the engine plans a query for as long as it
        # takes. Nothing is lost: the databases are read-only.
        os._exit(0)


@asynccontextmanager
async def _lifespan(queries: QueryService) -> AsyncIterator[None]:
    warming = asyncio.create_task(queries.warm_up())
    try:
        yield
    finally:
        warming.cancel()
        await asyncio.to_thread(queries.close)
