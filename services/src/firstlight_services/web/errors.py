"""What can go wrong, said once: a code, a sentence for the person, a next step."""

from __future__ import annotations

from enum import Enum

__all__ = ["Kind", "ServiceError", "from_exception"]


class Kind(Enum):
    """What sort of failure it is; its value is the HTTP status."""

    INVALID = 400
    UNAUTHENTICATED = 401
    FORBIDDEN = 403
    NOT_FOUND = 404
    NOT_ALLOWED = 405
    TOO_LARGE = 413
    INTERNAL = 500
    UNAVAILABLE = 503
    TIMEOUT = 504


class ServiceError(Exception):
    """A failure that a person is told about.

    Parameters
    ----------
    code
        A stable, lower-case word for programs: ``token_invalid``.
    message
        A sentence for the person: what happened.
    hint
        What to do next; may be empty.
    kind
        Decides the HTTP status.
    """

    def __init__(self, code: str, message: str, *, hint: str = "", kind: Kind) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.kind = kind

    def __repr__(self) -> str:
        return f"ServiceError({self.code!r}, {self.message!r}, kind={self.kind.name})"


_INTERNAL = ServiceError(
    "internal",
    "Something went wrong on our side.",
    hint="Try again; if it happens again, tell the site's contact the reference.",
    kind=Kind.INTERNAL,
)

_FRAMEWORK = {
    400: ServiceError("bad_request", "The request could not be read.", kind=Kind.INVALID),
    404: ServiceError(
        "not_found",
        "There is nothing at this address.",
        hint="Check the address, or start from the landing page.",
        kind=Kind.NOT_FOUND,
    ),
    405: ServiceError(
        "method_not_allowed", "This address does not take such a request.", kind=Kind.NOT_ALLOWED
    ),
}


def from_exception(exception: BaseException | None, status: int = 500) -> ServiceError:
    """Map what was raised (or tornado's own status) to what the person is told.

    An exception that is not ours never reaches the person: its text may hold paths, SQL or secrets.
    """
    if isinstance(exception, ServiceError):
        return exception
    # Tornado's own errors carry the status.
    return _FRAMEWORK.get(getattr(exception, "status_code", status), _INTERNAL)
