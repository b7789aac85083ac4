"""What all of the services' HTTP handlers share: who asks, errors, headers."""

from __future__ import annotations

import json
import logging
import secrets
from typing import Any, ClassVar

from tornado.web import RequestHandler

from firstlight_common.errors import error_json
from firstlight_services.web.auth import Person, TokenChecker, tokens_in_header
from firstlight_services.web.context import ServiceContext
from firstlight_services.web.errors import Kind, ServiceError, from_exception

__all__ = ["HealthHandler", "NotFoundHandler", "ServiceHandler"]

_log = logging.getLogger(__name__)


class ServiceHandler(RequestHandler):
    """Base class of every handler: deny by default, errors in one place.

    Attributes
    ----------
    requires_login
        Whether `prepare` insists on a person. Handlers open to all say so.
    person
        Who asks; None only where ``requires_login`` is false.
    token
        The token that named the person, for calls to other services on their behalf.
    """

    requires_login: ClassVar[bool] = True
    content_security_policy: ClassVar[str] = (
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
    _person: Person | None = None
    token: str = ""

    @property
    def context(self) -> ServiceContext:
        """Where the service runs."""
        context: ServiceContext = self.application.settings["context"]
        return context

    @property
    def checker(self) -> TokenChecker:
        """Who knows whose token it is."""
        checker: TokenChecker = self.application.settings["checker"]
        return checker

    @property
    def person(self) -> Person:
        """Who asks.

        Raises
        ------
        ServiceError
            UNAUTHENTICATED if nobody is logged in: forgetting to ask cannot open a door.
        """
        if self._person is None:
            raise _login_needed()
        return self._person

    def credentials(self) -> tuple[str, ...]:
        """Return the tokens that the request offers; never from its query string."""
        return tokens_in_header(self.request.headers.get("Authorization", ""))

    async def prepare(self) -> None:
        """Find out who asks, before any handler's method runs."""
        self.settings["running"].add(self)
        stream = getattr(self.request.connection, "stream", None)
        if stream is not None and not stream.closed():
            # Nagle's algorithm costs small answers 40 ms.
            stream.set_nodelay(True)
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
        self.settings["running"].discard(self)

    def set_default_headers(self) -> None:
        """Set the headers that every answer carries."""
        self.set_header("Server", "First Light")
        self.set_header("Content-Security-Policy", self.content_security_policy)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Cache-Control", "no-store")

    def write_json(self, value: object, status: int = 200) -> None:
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
        self.write_json({"error": body}, status)

    @property
    def reference(self) -> str:
        """A short name for this request, in the log and in error messages."""
        found: str | None = getattr(self, "_reference", None)
        if found is None:
            found = self._reference = secrets.token_hex(4)
        return found

    def log_exception(
        self,
        typ: Any,  # noqa: ARG002
        value: BaseException | None,
        tb: Any,  # noqa: ARG002
    ) -> None:
        """Log the cause: a line for what is expected, the traceback for what is not."""
        error = from_exception(value)
        if error.kind is Kind.INTERNAL:
            _log.error("%s failed", self.reference, exc_info=value)
        else:
            _log.info("%s %s: %s", self.reference, error.code, error.message)


class HealthHandler(ServiceHandler):
    """``healthz``: whether this process answers; open to all, says nothing else."""

    requires_login = False

    async def get(self) -> None:
        """Answer."""
        self.write_json({"status": "ok", "version": self.context.version})


class NotFoundHandler(ServiceHandler):
    """Whatever no route matches."""

    requires_login = False

    async def prepare(self) -> None:
        """Refuse, whatever the method."""
        raise ServiceError(
            "not_found",
            "There is nothing at this address.",
            hint="Check the address, or start from the landing page.",
            kind=Kind.NOT_FOUND,
        )


def _login_needed() -> ServiceError:
    return ServiceError(
        "token_required",
        "Log in first: this service needs a valid token.",
        hint="Send it as `Authorization: Bearer TOKEN`, or as the password with Basic.",
        kind=Kind.UNAUTHENTICATED,
    )
