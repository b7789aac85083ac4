"""A service's application: its routes, its own object, and what finds the owners of tokens."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from weakref import WeakSet

from tornado.web import Application, RequestHandler

from firstlight_common.section import Section
from firstlight_services.web.auth import TokenChecker
from firstlight_services.web.context import ServiceContext
from firstlight_services.web.handlers import HealthHandler, NotFoundHandler, ServiceHandler

__all__ = ["Lifespan", "Route", "ServiceApplication"]

_log = logging.getLogger(__name__)

Route = tuple[str, type[RequestHandler]] | tuple[str, type[RequestHandler], dict[str, str]]
"""A path's pattern, its handler, the handler's arguments; relative to the service's prefix unless
it starts with ``/``."""

type Lifespan[T] = Callable[[T], AbstractAsyncContextManager[None]]
"""Makes, of a service's own object, the context manager that is entered before the first request
and left after the last."""


@asynccontextmanager
async def _no_lifespan[T](_: T) -> AsyncIterator[None]:
    yield


class ServiceApplication[T](Application):
    """The routes of one service, and what its handlers work with.

    Parameters
    ----------
    context
        Where the service runs.
    routes
        The service's routes; ``healthz`` is added.
    service
        The service's own object; handlers find it as `ServiceHandler.service`.
    not_found
        Handles whatever no route matches, in the service's own error format.
    lifespan
        What has to be started before the first request and stopped after the last.

    Attributes
    ----------
    checker
        What finds the owner of a token: by default, the hub is asked.
    requests
        The handlers of the requests under way.
    """

    def __init__(
        self,
        context: ServiceContext[Section],
        routes: Sequence[Route],
        service: T,
        *,
        not_found: type[RequestHandler] = NotFoundHandler,
        lifespan: Lifespan[T] = _no_lifespan,
    ) -> None:
        self.context = context
        self.service = service
        self._lifespan = lifespan
        self.checker = TokenChecker.for_context(context)
        self.requests: WeakSet[RequestHandler] = WeakSet()
        absolute = [
            (route[0] if route[0].startswith("/") else context.prefix + route[0], *route[1:])
            for route in (*routes, ("healthz", HealthHandler))
        ]
        super().__init__(absolute, default_handler_class=not_found, log_function=_log_request)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start what the service needs; on exit, stop it and close the connections."""
        async with self._lifespan(self.service):
            try:
                yield
            finally:
                self.checker.close()


def _log_request(handler: RequestHandler) -> None:
    """Log one line for a request; never the query string, which may hold secrets."""
    person = handler._person if isinstance(handler, ServiceHandler) else None
    _log.info(
        "%d %s %s %.0fms %s",
        handler.get_status(),
        handler.request.method,
        handler.request.path,
        1000 * handler.request.request_time(),
        person.name if person else "-",
    )
