"""What all of the services' HTTP handlers share: authentication, errors, headers."""

from __future__ import annotations

import json
import logging
import secrets
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import JsonValue
from tornado.http1connection import HTTP1Connection
from tornado.web import HTTPError, RequestHandler

from firstlight_common.errors import error_json
from firstlight_common.section import Section
from firstlight_services.web.auth import Person, TokenChecker, tokens_in_header
from firstlight_services.web.context import ServiceContext
from firstlight_services.web.errors import Kind, ServiceError

if TYPE_CHECKING:
    from firstlight_services.web.application import ServiceApplication

__all__ = ["HealthHandler", "NotFoundHandler", "ServiceHandler", "from_exception"]

_log = logging.getLogger(__name__)


def _not_found() -> ServiceError:
    return ServiceError(
        "not_found",
        "There is nothing at this address.",
        hint="Check the address, or start from the landing page.",
        kind=Kind.NOT_FOUND,
    )


_INTERNAL = ServiceError(
    "internal",
    "Something went wrong on our side.",
    hint="Try again. If it happens again, tell the site's contact the reference.",
    kind=Kind.INTERNAL,
)

_FRAMEWORK = {
    400: ServiceError("bad_request", "The request could not be read.", kind=Kind.INVALID),
    404: _not_found(),
    405: ServiceError(
        "method_not_allowed",
        "This address does not support the request's method.",
        kind=Kind.NOT_ALLOWED,
    ),
}


def from_exception(exception: BaseException | None, status: int = 500) -> ServiceError:
    """Map what was raised, or tornado's own status, to what the caller is told.

    An exception that is not ours is never shown: its text may hold paths, SQL or secrets.
    """
    if isinstance(exception, ServiceError):
        return exception
    found = exception.status_code if isinstance(exception, HTTPError) else status
    return _FRAMEWORK.get(found, _INTERNAL)


class ServiceHandler[T](RequestHandler):
    """Base class of every handler: deny by default, report errors in one place.

    The type parameter is the class of the service's own object, which `service` returns.

    Attributes
    ----------
    requires_login
        Whether `prepare` requires a person. Handlers that are open to all set it to false.
    token
        The token that identified the person, for calls to other services on their behalf.
    """

    requires_login: ClassVar[bool] = True
    application: ServiceApplication[T]
    token: str = ""
    _person: Person | None = None
    _reference: str = ""

    @property
    def service(self) -> T:
        """The service's own object, as its application was built with it."""
        return self.application.service

    @property
    def context(self) -> ServiceContext[Section]:
        """Where the service runs."""
        return self.application.context

    @property
    def checker(self) -> TokenChecker:
        """What finds the owner of a token."""
        return self.application.checker

    @property
    def person(self) -> Person:
        """The person who makes the request.

        Raises
        ------
        ServiceError
            UNAUTHENTICATED if nobody is logged in: a handler that forgets to check is still safe.
        """
        if self._person is None:
            raise _login_needed()
        return self._person

    def credentials(self) -> tuple[str, ...]:
        """Return the tokens that the request offers; never from its query string."""
        return tokens_in_header(self.request.headers.get("Authorization", ""))

    async def prepare(self) -> None:
        """Identify the person before any handler's method runs."""
        self.application.requests.add(self)
        connection = self.request.connection
        if isinstance(connection, HTTP1Connection) and not connection.stream.closed():
            # Nagle's algorithm costs small answers 40 ms.
            connection.stream.set_nodelay(True)
        if self.requires_login:
            await self.authenticate()

    async def authenticate(self) -> None:
        """Set `person` from the request's credentials.

        Raises
        ------
        ServiceError
            UNAUTHENTICATED, FORBIDDEN or UNAVAILABLE.
        """
        for token in self.credentials():
            person = await self.checker.check(token)
            if person is not None:
                self._person, self.token = person, token
                return
        raise _login_needed()

    def on_finish(self) -> None:
        """Note that the request is done, for a clean stop."""
        self.application.requests.discard(self)

    @property
    def content_security_policy(self) -> str:
        """The policy of an answer that loads and runs nothing."""
        return "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

    def set_default_headers(self) -> None:
        """Set the headers that every answer carries."""
        self.set_header("Server", "First Light")
        self.set_header("Content-Security-Policy", self.content_security_policy)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Cache-Control", "no-store")

    def write_json(self, value: JsonValue, status: int = 200) -> None:
        """Answer with JSON."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Render whatever was raised; the one place where a kind becomes a status."""
        error = from_exception((kwargs.get("exc_info") or (None, None))[1], status_code)
        status = error.kind.value
        self.set_status(status)
        if error.kind is Kind.UNAUTHENTICATED:
            self.set_header("WWW-Authenticate", 'Bearer realm="First Light"')
            self.add_header("WWW-Authenticate", 'Basic realm="First Light", charset="UTF-8"')
        if error.kind is Kind.UNAVAILABLE:
            self.set_header("Retry-After", "3")
        self.render_error(error, status, self.reference)
        self.finish()

    def render_error(self, error: ServiceError, status: int, reference: str) -> None:
        """Write an error's body; override for VOTable or HTML, do not call ``finish``."""
        body = error_json(error.code, error.message, hint=error.hint, reference=reference)
        self.write_json({"error": {**body}}, status)

    @property
    def reference(self) -> str:
        """A short name for this request, in the log and in error messages."""
        if not self._reference:
            self._reference = secrets.token_hex(4)
        return self._reference

    def log_exception(
        self,
        typ: type[BaseException] | None,  # noqa: ARG002
        value: BaseException | None,
        tb: TracebackType | None,  # noqa: ARG002
    ) -> None:
        """Log the cause: a line for what is expected, the traceback for what is not."""
        error = from_exception(value)
        if error.kind is Kind.INTERNAL:
            _log.error("%s failed", self.reference, exc_info=value)
        else:
            _log.info("%s %s: %s", self.reference, error.code, error.message)


class HealthHandler[T](ServiceHandler[T]):
    """``healthz``: whether this process answers; open to all, reports nothing else."""

    requires_login = False

    async def get(self) -> None:
        """Return the status and the version as JSON."""
        self.write_json({"status": "ok", "version": self.context.version})


class NotFoundHandler[T](ServiceHandler[T]):
    """The answer where no route matches."""

    requires_login = False

    async def prepare(self) -> None:
        """Refuse the request, whatever its method."""
        raise _not_found()


def _login_needed() -> ServiceError:
    return ServiceError(
        "token_required",
        "Log in first: this service needs a valid token.",
        hint="Send it as `Authorization: Bearer TOKEN`, or as the password with Basic.",
        kind=Kind.UNAUTHENTICATED,
    )
