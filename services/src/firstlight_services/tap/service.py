"""The use case: from a query's text to the bytes of its result, piece by piece."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta

from firstlight_services.tap import vosi
from firstlight_services.tap.adql import parse
from firstlight_services.tap.engines import Cursor, Engine
from firstlight_services.tap.errors import QueryError
from firstlight_services.tap.formats import Format, Writer, make_writer
from firstlight_services.tap.models import Catalog, Field
from firstlight_services.tap.policy import Limits, RowLimit, row_limit
from firstlight_services.tap.query import lower, resolve, tree
from firstlight_services.web import Kind, ServiceError

__all__ = ["Answer", "Plan", "QueryRequest", "QueryService", "plan"]

_log = logging.getLogger(__name__)

_MOST_WAITING = 64
_INTERRUPT_SECONDS = 0.05
_QUICK_WORKERS = 2


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """A client's request."""

    text: str
    format: Format
    maxrec: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run, and what comes of it.

    Attributes
    ----------
    statement
        The query in the engine's language.
    fields
        The columns of its result.
    rows
        How many rows to return.
    """

    statement: str
    fields: tuple[Field, ...]
    rows: RowLimit


def plan(
    text: str,
    maxrec: int | None,
    catalog: Catalog,
    limits: Limits,
    emit: Callable[[tree.Query, int], str],
) -> Plan:
    """Turn ADQL into the engine's language: parse, resolve, limit, lower, emit.

    Parameters
    ----------
    text, maxrec
        The request.
    catalog
        The tables that can be queried.
    limits
        The site's limits.
    emit
        An engine's `Engine.emit`.

    Raises
    ------
    QueryError
        If the query is invalid.
    """
    try:
        query = resolve(parse(text), catalog, text)
        rows = row_limit(query.top, maxrec, limits)
        fields = tuple(output.field for output in query.outputs)
        return Plan(emit(lower(query), rows.fetch), fields, rows)
    except RecursionError:
        raise QueryError(
            "too_deep", "The expressions of this query are nested too deeply."
        ) from None


class QueryService:
    """Runs queries, a bounded number at a time, off the event loop.

    Parameters
    ----------
    engine
        What executes the queries.
    limits
        The limits on rows.
    timeout
        How long a query may take, including sending its result to the client.
    workers
        The number of threads: of queries that are executed at the same time.

    Notes
    -----
    What takes milliseconds (parsing, describing the tables) has threads of its own, so that neither
    an error nor `tables` waits for other people's queries.
    """

    def __init__(self, engine: Engine, limits: Limits, *, timeout: timedelta, workers: int) -> None:
        self.limits = limits
        self._engine = engine
        self._timeout = timeout
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="tap")
        self._quick = ThreadPoolExecutor(_QUICK_WORKERS, thread_name_prefix="tap-quick")
        self._running: set[Future[bytes]] = set()
        self._waiting = 0
        self._document: tuple[Catalog, bytes] | None = None

    async def start(self, request: QueryRequest) -> Answer:
        """Begin a query, and wait for its first rows: until then, an error has a status.

        Raises
        ------
        ServiceError
            INVALID if the query is invalid; TIMEOUT; UNAVAILABLE if the catalog is not loaded, or
            if too many queries are waiting.
        """
        if self._waiting >= _MOST_WAITING:
            raise ServiceError(
                "busy",
                "Too many queries are waiting.",
                hint="Try again in a minute.",
                kind=Kind.UNAVAILABLE,
            )
        self._waiting += 1
        deadline = asyncio.get_running_loop().time() + self._timeout.total_seconds()
        try:
            async with asyncio.timeout_at(deadline):
                planned = await self._run(self._plan, request)
                cursor = await self._open_cursor()
                answer = Answer(self, cursor, planned, request.format, deadline)
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

    async def _open_cursor(self) -> Cursor:
        """Return a cursor, opened in a thread; one that comes too late is closed."""
        opening = asyncio.ensure_future(self._run(self._engine.cursor))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_unused)
            raise

    async def tables(self, name: str | None) -> bytes:
        """Return the VOSI description of all tables, or of one.

        Raises
        ------
        ServiceError
            UNAVAILABLE if the catalog is not loaded; NOT_FOUND if there is no such table.
        """
        catalog = await self._run(self._engine.describe)
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

    async def availability(self) -> tuple[bool, str]:
        """Return whether queries can be run now, and a note for people, which may be empty."""
        try:
            missing = await self._run(self._engine.missing)
        except ServiceError as error:
            return False, error.message
        return True, f"Unavailable data sets: {', '.join(missing)}." if missing else ""

    def too_slow(self) -> ServiceError:
        """Return the error for a query that took too long."""
        seconds = self._timeout.total_seconds()
        shown = f"{seconds / 60:g} minutes" if seconds >= 120 else f"{seconds:g} seconds"
        return ServiceError(
            "query_timeout",
            f"The query took longer than {shown} and was stopped.",
            hint="Ask for a smaller region or fewer columns.",
            kind=Kind.TIMEOUT,
        )

    async def warm_up(self) -> None:
        """Build the parser and open the databases before the first query."""
        await self._run(parse, "SELECT 1")
        await self.availability()

    def close(self) -> None:
        """Stop the running queries, wait for the threads to end and close the engine."""
        for pool in (self._quick, self._pool):
            pool.shutdown(wait=False, cancel_futures=True)
        # Repeatedly: an interrupt between two statements has no effect.
        while wait(tuple(self._running), timeout=_INTERRUPT_SECONDS).not_done:
            self._engine.interrupt()
        self._quick.shutdown()
        self._engine.close()

    def _plan(self, request: QueryRequest) -> Plan:
        catalog = self._engine.describe()
        return plan(request.text, request.maxrec, catalog, self.limits, self._engine.emit)

    async def _run[**P, T](self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.wrap_future(self._quick.submit(work, *args, **kwargs))

    async def run_on(self, cursor: Cursor, work: Callable[[], bytes]) -> bytes:
        """Run work on a cursor in a thread; if the caller is cancelled, stop it first.

        When this returns or raises, no thread uses the cursor any more.
        """
        future = self._pool.submit(work)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        result = asyncio.wrap_future(future)
        try:
            return await asyncio.shield(result)
        except asyncio.CancelledError:
            # Nobody retrieves its exception any more, which asyncio would log with a traceback.
            result.add_done_callback(lambda done: done.cancelled() or done.exception())
            await _stop(future, cursor)
            raise


class Answer:
    """The result of one query on its way to the client.

    Attributes
    ----------
    media_type
        The Content-Type.
    deadline
        The event loop's time by which it must be complete.
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
        """Run the query until its first rows are there."""
        self._ready = await self._service.run_on(self._cursor, self._first)

    async def next(self) -> bytes:
        """Return the next bytes; empty after the last.

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
        """Return the end of a result that fails now; None if only a cut connection can tell."""
        return self._writer.broken(message)

    def close(self) -> None:
        """Release what the query holds in the engine."""
        self._cursor.close()

    def _first(self) -> bytes:
        self._cursor.start(self._plan.statement, len(self._plan.fields))
        return self._writer.head() + self._more()

    def _more(self) -> bytes:
        batch = self._cursor.next()
        if batch is not None:
            room = self._plan.rows.keep - self._rows
            self._rows += batch.num_rows
            data = self._writer.rows(batch.slice(0, room))
            if not self._plan.rows.overflows(self._rows):
                # A short batch may yield no bytes before the next one; empty would mean the end.
                return data or self._more()
            return data + self._end()
        return self._end()

    def _end(self) -> bytes:
        self._ended = True
        return self._writer.tail(overflow=self._plan.rows.overflows(self._rows)) or b""


async def _stop[T](future: Future[T], cursor: Cursor) -> None:
    """Interrupt until the thread is done; an interrupt between two statements has no effect."""
    while not (future.cancel() or future.done()):
        cursor.interrupt()
        # Cancelled again, since the server stops: the thread has to end nevertheless.
        try:
            await asyncio.sleep(_INTERRUPT_SECONDS)
        except asyncio.CancelledError:
            _log.debug("cancelled twice")


def _close_unused(opening: asyncio.Future[Cursor]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
