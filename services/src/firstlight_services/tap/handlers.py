"""TAP over HTTP (TAP 1.1, section 2): sync, tables, capabilities, availability, and errors."""

from __future__ import annotations

import asyncio
import logging
from typing import ClassVar

from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler

from firstlight_common.errors import error_votable
from firstlight_services.tap import vosi
from firstlight_services.tap.errors import QueryError
from firstlight_services.tap.formats import choose
from firstlight_services.tap.multipart import without_preamble
from firstlight_services.tap.policy import read_maxrec
from firstlight_services.tap.service import Answer, QueryRequest, QueryService
from firstlight_services.web import Kind, ServiceError, ServiceHandler, from_exception

__all__ = [
    "STATUS_HEADER",
    "AvailabilityHandler",
    "CapabilitiesHandler",
    "SyncHandler",
    "TablesHandler",
    "TapHandler",
    "TapNotFoundHandler",
]

_log = logging.getLogger(__name__)

_GONE = 499
"""The status in the log if the client disconnected, as in nginx."""

_LAST_WORDS_SECONDS = 1.0

STATUS_HEADER = "X-Query-Status"
"""Says whether the result is whole, if that is known before it is sent: CSV has no other word."""

_LANGUAGES = frozenset({"", "adql", "adql-2.0", "adql-2.1"})


class TapHandler(ServiceHandler[QueryService]):
    """Base class of TAP's handlers: errors are VOTables (DALI 1.1, section 4.2)."""

    def render_error(self, error: ServiceError, status: int, reference: str) -> None:  # noqa: ARG002
        """Write an error as a VOTable."""
        if error.kind is Kind.NOT_ALLOWED:
            self.set_header("Allow", ", ".join(self._methods()))
        self.set_header("Content-Type", _error_type(self.request.headers.get("Accept", "")))
        self.write(error_votable(_words(error, reference)))

    def write_xml(self, document: bytes) -> None:
        """Answer with an XML document."""
        self.set_header("Content-Type", "text/xml; charset=utf-8")
        self.write(document)

    def _methods(self) -> list[str]:
        """Return the methods that this address accepts."""
        return [
            method
            for method in self.SUPPORTED_METHODS
            if getattr(type(self), method.lower()) is not getattr(RequestHandler, method.lower())
        ]


class DocumentHandler(TapHandler):
    """Base class of what describes the service, which may also be asked for its headers."""

    async def head(self, *args: str | None) -> None:
        """Answer as to GET; the framework omits the body."""
        answer = self.get(*args)
        if answer is not None:
            await answer


class SyncHandler(TapHandler):
    """``sync``: executes a query and returns its result."""

    _work: asyncio.Task[None] | None = None
    _gone = False

    def initialize(self) -> None:
        """Take off what a form in parts may begin with; the framework parses it after this."""
        content_type = self.request.headers.get("Content-Type", "")
        self.request.body = without_preamble(content_type, self.request.body)

    async def get(self) -> None:
        """Execute the query in the address."""
        await self._answer()

    async def post(self) -> None:
        """Execute the query in the body."""
        await self._answer()

    def on_connection_close(self) -> None:
        """Stop the query of a client that disconnected."""
        self._gone = True
        if self._work is not None:
            self._work.cancel()

    async def _answer(self) -> None:
        # A task of its own: tornado does not cancel the handlers of clients that disconnected.
        self._work = asyncio.create_task(self._stream(self._read_request()))
        if self._gone:
            # It disconnected while the hub was asked whose token this is.
            self._work.cancel()
        try:
            await self._work
        except (asyncio.CancelledError, StreamClosedError):
            if not self._gone:
                raise
            self.set_status(_GONE, "Client Closed Request")

    def _read_request(self) -> QueryRequest:
        values = {name.upper(): name for name in self.request.arguments}

        def value(name: str) -> str | None:
            return self.get_argument(values[name], strip=False) if name in values else None

        if (value("REQUEST") or "doQuery").lower() != "doquery":
            raise QueryError("bad_parameter", "REQUEST must be doQuery.")
        if (value("LANG") or "").strip().lower() not in _LANGUAGES:
            raise QueryError("bad_parameter", "LANG must be ADQL.", hint="SQL is not supported.")
        if value("UPLOAD"):
            raise QueryError("not_supported", "Tables cannot be uploaded to this service.")
        text = value("QUERY")
        if text is None:
            raise QueryError("bad_parameter", "The parameter QUERY is missing.")
        chosen = choose(value("RESPONSEFORMAT") or value("FORMAT"))
        return QueryRequest(text, chosen, read_maxrec(value("MAXREC")), self.person.name)

    async def _stream(self, request: QueryRequest) -> None:
        answer = await self.service.start(request)
        try:
            self.set_header("Content-Type", answer.media_type)
            self.set_header(STATUS_HEADER, answer.status)
            await self._send(answer)
        finally:
            answer.close()

    async def _send(self, answer: Answer) -> None:
        try:
            while piece := await answer.next():
                self.write(piece)
                await self._taken_by(answer.deadline)
        except (asyncio.CancelledError, StreamClosedError):
            raise
        except Exception as error:
            if not self._headers_written:
                raise
            # The status has been sent: only the document, or the connection, can tell.
            self.log_exception(type(error), error, None)
            await self._break_off(answer, from_exception(error))

    async def _taken_by(self, deadline: float) -> None:
        """Wait until the client has read what was written, so that slow readers use no memory."""
        try:
            async with asyncio.timeout_at(deadline):
                await self.flush()
        except TimeoutError:
            raise self.service.too_slow() from None

    async def _break_off(self, answer: Answer, error: ServiceError) -> None:
        """Say at the end of a result that it fails now, unless the client does not read it."""
        stream = getattr(self.request.connection, "stream", None)
        try:
            async with asyncio.timeout(_LAST_WORDS_SECONDS):
                await self.flush()
                self.write(answer.broken(_words(error, self.reference)))
                if answer.complete_when_broken:
                    return
                # It is on its way before the connection ends, which says that the result is cut.
                await self.flush()
        except TimeoutError:
            _log.info("%s: the client does not read", self.reference)
        if stream is not None:
            stream.close()


class TablesHandler(DocumentHandler):
    """``tables``: describes the tables (VOSI 1.1, section 2.3)."""

    async def get(self, name: str | None = None) -> None:
        """Describe all tables, or one table, always with their columns.

        Notes
        -----
        ``detail=min`` is ignored: after it, pyvo 1.9 asks for each table without its token, and
        would be refused.
        """
        names = {one.lower(): one for one in self.request.arguments}
        detail = self.get_argument(names["detail"]) if "detail" in names else "max"
        if detail not in ("min", "max"):
            raise QueryError("bad_parameter", "detail must be min or max.")
        self.write_xml(await self.service.tables(name))


class CapabilitiesHandler(DocumentHandler):
    """``capabilities``: public, since clients ask for them before they log in."""

    requires_login: ClassVar[bool] = False

    async def get(self) -> None:
        """Describe what the service can do."""
        base = f"{self.context.public_url}{self.context.prefix}".rstrip("/")
        self.write_xml(vosi.capabilities(base, self.service.limits))


class AvailabilityHandler(DocumentHandler):
    """``availability``: whether queries can be executed now; public."""

    requires_login: ClassVar[bool] = False

    async def get(self) -> None:
        """Return whether the service is available, and what is not."""
        available, note = await self.service.availability()
        self.write_xml(vosi.availability(available=available, note=note))


class TapNotFoundHandler(TapHandler):
    """Every address without a route."""

    requires_login: ClassVar[bool] = False

    async def prepare(self) -> None:
        """Refuse the request, whatever its method."""
        path = self.request.path.removeprefix(self.context.prefix)
        if path.partition("/")[0] == "async":
            raise ServiceError(
                "no_async",
                "Asynchronous queries are not supported yet.",
                hint="Use sync: service.search(query) in pyvo.",
                kind=Kind.NOT_FOUND,
            )
        raise ServiceError(
            "not_found",
            "There is nothing at this address.",
            hint="The addresses are sync, tables, capabilities and availability.",
            kind=Kind.NOT_FOUND,
        )

    def render_error(self, error: ServiceError, status: int, reference: str) -> None:
        """Write an error as a VOTable, and into the status line, which is all that pyvo shows."""
        self.set_status(status, f"{error.message} {error.hint}".rstrip("."))
        super().render_error(error, status, reference)


def _error_type(accept: str) -> str:
    """Return the media type of an error; DALI 1.1, section 4.2 has two for VOTables.

    Notes
    -----
    A browser saves a VOTable under its own type as a file, and a file that comes with an error
    status is "This site can't be reached" in Chromium. It shows ``text/xml``.
    """
    return "text/xml; charset=utf-8" if "text/html" in accept else "application/x-votable+xml"


def _words(error: ServiceError, reference: str) -> str:
    words = "\n".join(part for part in (error.message, error.hint) if part)
    return f"{words} (reference {reference})" if error.kind is Kind.INTERNAL else words
