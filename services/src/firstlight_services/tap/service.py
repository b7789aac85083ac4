"""The use case: from a query's text to the bytes of its result, piece by piece."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from firstlight_services.tap import vosi
from firstlight_services.tap.adql import parse
from firstlight_services.tap.engines import Cursor, Engine
from firstlight_services.tap.errors import QueryError
from firstlight_services.tap.formats import Format, Note, Writer, make_writer
from firstlight_services.tap.models import Catalog, Field
from firstlight_services.tap.policy import Limits, RowLimit, row_limit
from firstlight_services.tap.query import lower, resolve, tree
from firstlight_services.tap.query.outside import outside
from firstlight_services.tap.shares import Shares
from firstlight_services.tap.stopping import Stop, StoppedError
from firstlight_services.web import Kind, ServiceError

__all__ = ["Answer", "Plan", "QueryRequest", "QueryService", "plan"]

_log = logging.getLogger(__name__)

_INTERRUPT_SECONDS = 0.05
_SHORT = 2_000
_GIVE_UP_SECONDS = 5.0
_QUICK_WORKERS = 2
_PLANNING_WORKERS = 2


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """A client's request.

    Attributes
    ----------
    text
        The query.
    format
        How to write the result.
    maxrec
        The value of MAXREC, if it is set.
    person
        Whose query it is: each person has a share of the service.
    """

    text: str
    format: Format
    maxrec: int | None = None
    person: str = ""


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
    notes
        What to say about the result.
    """

    statement: str
    fields: tuple[Field, ...]
    rows: RowLimit
    notes: tuple[Note, ...] = ()


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
        return Plan(emit(lower(query), rows.fetch), fields, rows, _notes(query))
    except RecursionError:
        raise QueryError(
            "too_deep", "The expressions of this query are nested too deeply."
        ) from None


def _notes(query: tree.Query) -> tuple[Note, ...]:
    found = outside(query)
    return () if found is None else (Note("coverage", "outside", found.text),)


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
    Queries are planned and executed in threads of their own. Describing the tables and the service
    has others, so that `tables`, `availability` and stopping never wait for a query; and each
    person has a share of the former (`Shares`). A thread cannot be killed: planning looks whether
    it should stop (`firstlight_services.tap.stopping`), the engine is interrupted, and what a query
    consists of is limited, so that what cannot be interrupted ends soon
    (`firstlight_services.tap.query.size`).
    """

    def __init__(self, engine: Engine, limits: Limits, *, timeout: timedelta, workers: int) -> None:
        self.limits = limits
        self._engine = engine
        self._timeout = timeout
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="tap")
        self._quick = ThreadPoolExecutor(_QUICK_WORKERS, thread_name_prefix="tap-quick")
        self._planning = ThreadPoolExecutor(_PLANNING_WORKERS, thread_name_prefix="tap-plan")
        self._shares = Shares(workers)
        self._running: set[Future[bytes]] = set()
        self._plans: dict[Future[Plan], Stop] = {}
        self._stopped: bool | None = None
        self._document: tuple[Catalog, bytes] | None = None

    async def start(self, request: QueryRequest) -> Answer:
        """Begin a query, and wait for its first rows: until then, an error has a status.

        Raises
        ------
        ServiceError
            INVALID if the query is invalid; TIMEOUT; UNAVAILABLE if the catalog is not loaded, or
            if too many queries are waiting.
        """
        deadline = asyncio.get_running_loop().time() + self._timeout.total_seconds()
        with self._shares.waiting(request.person):
            try:
                async with asyncio.timeout_at(deadline):
                    planned = await self._planned(request)
                    cursor = await self._open_cursor()
                    answer = Answer(self, cursor, planned, request, deadline)
                    try:
                        await answer.begin()
                    except BaseException:
                        answer.close()
                        raise
            except TimeoutError:
                raise self.too_slow() from None
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
        await asyncio.wrap_future(self._planning.submit(parse, "SELECT 1"))
        await self.availability()

    def close(self) -> bool:
        """Stop the running queries, wait for the threads to end and close the engine.

        Returns
        -------
        bool
            Whether all threads ended. A thread that cannot be interrupted does not keep the service
            from stopping: the caller should end the process.
        """
        if self._stopped is None:
            self._stopped = self._stop_threads()
            if self._stopped:
                self._engine.close()
        return self._stopped

    def _stop_threads(self) -> bool:
        for pool in (self._quick, self._planning, self._pool):
            pool.shutdown(wait=False, cancel_futures=True)
        for stop in tuple(self._plans.values()):
            stop.set()
        give_up = time.monotonic() + _GIVE_UP_SECONDS
        while self._running or self._plans:
            if time.monotonic() > give_up:
                _log.warning("a query did not stop within %.0f s", _GIVE_UP_SECONDS)
                return False
            # Repeatedly: an interrupt between two statements has no effect.
            self._engine.interrupt()
            time.sleep(_INTERRUPT_SECONDS)
        self._quick.shutdown()
        return True

    async def _planned(self, request: QueryRequest) -> Plan:
        """Plan a query in a thread; if the caller is cancelled, stop it there, too."""
        async with self._shares.planning(request.person):
            stop = Stop()
            future = self._planning.submit(self._plan, request, stop)
            self._plans[future] = stop
            future.add_done_callback(lambda done: self._plans.pop(done, None))
            try:
                return await asyncio.wrap_future(future)
            except asyncio.CancelledError:
                stop.set()
                raise
            except StoppedError:
                raise ServiceError(
                    "stopping",
                    "The catalog service is being stopped.",
                    hint="Try again in a minute.",
                    kind=Kind.UNAVAILABLE,
                ) from None

    def _plan(self, request: QueryRequest, stop: Stop) -> Plan:
        with stop.watched():
            catalog = self._engine.describe()
            return plan(request.text, request.maxrec, catalog, self.limits, self._engine.emit)

    async def _run[**P, T](self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.wrap_future(self._quick.submit(work, *args, **kwargs))

    async def run_on(self, person: str, cursor: Cursor, work: Callable[[], bytes]) -> bytes:
        """Run work on a cursor in a thread; if the caller is cancelled, stop it first.

        When this returns or raises, no thread uses the cursor any more.
        """
        async with self._shares.running(person):
            future = self._pool.submit(work)
            self._running.add(future)
            future.add_done_callback(self._running.discard)
            result = asyncio.wrap_future(future)
            try:
                return await asyncio.shield(result)
            except asyncio.CancelledError:
                # Nobody retrieves its exception any more, which asyncio would log with a traceback.
                result.add_done_callback(lambda done: done.cancelled() or done.exception())
                await self._stop(future, cursor)
                raise

    async def _stop(self, future: Future[bytes], cursor: Cursor) -> None:
        """Interrupt until the thread is done; an interrupt between two statements has no effect."""
        while not (future.cancel() or future.done() or self._stopped is False):
            cursor.interrupt()
            # Cancelled again, since the server stops: the thread has to end nevertheless.
            try:
                await asyncio.sleep(_INTERRUPT_SECONDS)
            except asyncio.CancelledError:
                _log.debug("cancelled twice")


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
        self,
        service: QueryService,
        cursor: Cursor,
        planned: Plan,
        request: QueryRequest,
        deadline: float,
    ) -> None:
        self.media_type = request.format.media_type
        self.deadline = deadline
        self._service = service
        self._cursor = cursor
        self._plan = planned
        self._person = request.person
        self._writer: Writer = make_writer(request.format, planned.fields, planned.notes)
        self._rows = 0
        self._ready = b""
        self._ended = False

    async def begin(self) -> None:
        """Run the query until its first rows are there."""
        self._ready = await self._service.run_on(self._person, self._cursor, self._first)

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
                    self._ready = await self._service.run_on(self._person, self._cursor, self._more)
            except TimeoutError:
                raise self._service.too_slow() from None
        piece, self._ready = self._ready, b""
        return piece

    @property
    def status(self) -> str:
        """``OK`` or ``OVERFLOW`` if the result is known to its end, else ``STREAMING``."""
        if not self._ended:
            return "STREAMING"
        return "OVERFLOW" if self._plan.rows.overflows(self._rows) else "OK"

    @property
    def complete_when_broken(self) -> bool:
        """Whether every reader notices the end that `broken` returns."""
        return self._writer.complete_when_broken

    def broken(self, message: str) -> bytes:
        """Return the end of a result that fails now."""
        return self._writer.broken(message)

    def close(self) -> None:
        """Release what the query holds in the engine."""
        self._cursor.close()

    def _first(self) -> bytes:
        self._cursor.start(self._plan.statement, len(self._plan.fields))
        data = self._writer.head() + self._more()
        # A short result is complete by now, which can be said before it is sent.
        return data if self._ended or self._rows >= _SHORT else data + self._more()

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


def _close_unused(opening: asyncio.Future[Cursor]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
