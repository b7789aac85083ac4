"""The use case: a query's text becomes an answer's bytes, piece by piece."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from firstlight_services.tap import vosi
from firstlight_services.tap.adql import parse
from firstlight_services.tap.emit.duckdb import emit
from firstlight_services.tap.errors import QueryError
from firstlight_services.tap.formats import Format, Writer, make_writer
from firstlight_services.tap.models import Catalog, Field
from firstlight_services.tap.policy import Limits, RowLimit, row_limit
from firstlight_services.tap.query import resolve
from firstlight_services.tap.store import Cursor, DuckStore
from firstlight_services.web import Kind, ServiceError

__all__ = ["Answer", "Plan", "QueryRequest", "QueryService", "plan"]

_log = logging.getLogger(__name__)

_MOST_WAITING = 64
_INTERRUPT_SECONDS = 0.05
_QUICK_WORKERS = 2


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """What a client asks for."""

    text: str
    format: Format
    maxrec: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run, and what comes of it."""

    sql: str
    fields: tuple[Field, ...]
    rows: RowLimit


def plan(text: str, maxrec: int | None, catalog: Catalog, limits: Limits) -> Plan:
    """Turn ADQL into the engine's SQL: parse, resolve, limit, emit.

    Raises
    ------
    QueryError
        If the query cannot be run as it is written.
    """
    try:
        query = resolve(parse(text), catalog, text)
        rows = row_limit(query.top, maxrec, limits)
        fields = tuple(output.field for output in query.outputs)
        return Plan(emit(query, rows.fetch), fields, rows)
    except RecursionError:
        raise QueryError(
            "too_deep", "The expressions of this query are nested too deeply."
        ) from None


class QueryService:
    """Runs queries, a bounded number at a time, off the event loop.

    Parameters
    ----------
    store
        The engine.
    limits
        Rows.
    timeout
        How long a query may take, its answer's way to the client included.
    workers
        Threads: queries that compute at the same time.

    Notes
    -----
    What takes milliseconds (parsing, the catalog's description) has threads of its own, so that
    neither an error nor `tables` waits for other people's queries.
    """

    def __init__(
        self, store: DuckStore, limits: Limits, *, timeout: timedelta, workers: int
    ) -> None:
        self.limits = limits
        self._store = store
        self._timeout = timeout
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="tap")
        self._quick = ThreadPoolExecutor(_QUICK_WORKERS, thread_name_prefix="tap-quick")
        self._running: set[Future[Any]] = set()
        self._waiting = 0
        self._document: tuple[Catalog, bytes] | None = None

    async def start(self, request: QueryRequest) -> Answer:
        """Begin a query, and wait for its first rows: until then, errors have a status.

        Raises
        ------
        ServiceError
            INVALID if the query is at fault; TIMEOUT; UNAVAILABLE without a catalog, or if too
            many queries wait.
        """
        if self._waiting >= _MOST_WAITING:
            raise ServiceError(
                "busy",
                "Many queries are waiting already.",
                hint="Try again in a minute.",
                kind=Kind.UNAVAILABLE,
            )
        self._waiting += 1
        deadline = asyncio.get_running_loop().time() + self._timeout.total_seconds()
        try:
            async with asyncio.timeout_at(deadline):
                planned = await self._run(self._plan, request)
                answer = Answer(self, self._store.cursor(), planned, request.format, deadline)
                try:
                    await answer.begin()
                except BaseException:
                    answer.close()
                    raise
        except TimeoutError:
            raise self.too_slow() from None
        finally:
            self._waiting -= 1
        return answer

    async def tables(self, name: str | None) -> bytes:
        """Return the VOSI description of all tables, or of one.

        Raises
        ------
        ServiceError
            UNAVAILABLE without a catalog; NOT_FOUND if there is no such table.
        """
        catalog = await self._run(self._store.catalog)
        if name is not None:
            table = catalog.table(name)
            if table is None:
                raise ServiceError(
                    "unknown_table", f"There is no table {name[:60]}.", kind=Kind.NOT_FOUND
                )
            return vosi.table_document(table)
        if self._document is None or self._document[0] is not catalog:
            self._document = (catalog, vosi.tables(catalog))
        return self._document[1]

    async def unavailable_because(self) -> str:
        """Return why there is no catalog; nothing if there is one."""
        try:
            await self._run(self._store.catalog)
        except ServiceError as error:
            return error.message
        return ""

    def too_slow(self) -> ServiceError:
        """Return the error of a query that took too long."""
        seconds = self._timeout.total_seconds()
        shown = f"{seconds / 60:g} minutes" if seconds >= 120 else f"{seconds:g} seconds"
        return ServiceError(
            "query_timeout",
            f"The query took longer than {shown} and was stopped.",
            hint="Ask for a smaller region or fewer columns.",
            kind=Kind.TIMEOUT,
        )

    async def warm_up(self) -> None:
        """Build the parser and open the database before somebody waits for them."""
        await self._run(parse, "SELECT 1")
        await self.unavailable_because()

    def close(self) -> None:
        """Stop what runs, let the threads end and close the database."""
        for pool in (self._quick, self._pool):
            pool.shutdown(wait=False, cancel_futures=True)
        # Again and again: an interrupt between two statements goes unheard.
        while wait(tuple(self._running), timeout=_INTERRUPT_SECONDS).not_done:
            self._store.interrupt()
        self._quick.shutdown()
        self._store.close()

    def _plan(self, request: QueryRequest) -> Plan:
        return plan(request.text, request.maxrec, self._store.catalog(), self.limits)

    async def _run[**P, T](self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.wrap_future(self._quick.submit(work, *args, **kwargs))

    async def run_on[T](self, cursor: Cursor, work: Callable[[], T]) -> T:
        """Run an engine's work in a thread; if the caller is cancelled, stop it first.

        A cursor is left only once no thread is on it any more.
        """
        future = self._pool.submit(work)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        result = asyncio.wrap_future(future)
        try:
            return await asyncio.shield(result)
        except asyncio.CancelledError:
            # Nobody waits for its exception any more; asyncio would log that with a traceback.
            result.add_done_callback(lambda done: done.cancelled() or done.exception())
            await _stop(future, cursor)
            raise


class Answer:
    """One query's answer on its way to the client.

    Attributes
    ----------
    media_type
        Its Content-Type.
    deadline
        The event loop's time by which it has to be over.
    """

    def __init__(
        self, service: QueryService, cursor: Cursor, planned: Plan, chosen: Format, deadline: float
    ) -> None:
        self.media_type = chosen.media_type
        self.deadline = deadline
        self._service = service
        self._cursor = cursor
        self._plan = planned
        self._writer: Writer = make_writer(chosen, planned.fields)
        self._rows = 0
        self._ready = b""
        self._ended = False

    async def begin(self) -> None:
        """Run the query up to its first rows."""
        self._ready = await self._service.run_on(self._cursor, self._first)

    async def next(self) -> bytes:
        """Return the next bytes; none after the last.

        Raises
        ------
        ServiceError
            As `QueryService.start`.
        """
        if not self._ready and not self._ended:
            try:
                async with asyncio.timeout_at(self.deadline):
                    self._ready = await self._service.run_on(self._cursor, self._more)
            except TimeoutError:
                raise self._service.too_slow() from None
        piece, self._ready = self._ready, b""
        return piece

    def broken(self, message: str) -> bytes | None:
        """Return how the answer ends if it fails now; None if only a cut connection can say it."""
        return self._writer.broken(message)

    def close(self) -> None:
        """Give the engine back what the query held."""
        self._cursor.close()

    def _first(self) -> bytes:
        self._cursor.start(self._plan.sql, len(self._plan.fields))
        return self._writer.head() + self._more()

    def _more(self) -> bytes:
        batch = self._cursor.next()
        if batch is not None:
            room = self._plan.rows.keep - self._rows
            self._rows += batch.num_rows
            data = self._writer.rows(batch.slice(0, room))
            if not self._plan.rows.overflows(self._rows):
                # A batch of a row may be shorter than what base64 needs; never stop for that.
                return data or self._more()
            return data + self._end()
        return self._end()

    def _end(self) -> bytes:
        self._ended = True
        return self._writer.tail(overflow=self._plan.rows.overflows(self._rows)) or b""


async def _stop[T](future: Future[T], cursor: Cursor) -> None:
    """Interrupt until the thread is done; an interrupt between two statements goes unheard."""
    while not (future.cancel() or future.done()):
        cursor.interrupt()
        # Cancelled once more (the server stops): the thread has to end all the same.
        try:
            await asyncio.sleep(_INTERRUPT_SECONDS)
        except asyncio.CancelledError:
            _log.debug("cancelled twice")
