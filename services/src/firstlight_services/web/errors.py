"""How failures are described: a code, a sentence for the person, a next step."""

from __future__ import annotations

from enum import Enum

__all__ = ["Kind", "ServiceError"]


class Kind(Enum):
    """The kind of a failure; its value is the HTTP status."""

    INVALID = 400
    UNAUTHENTICATED = 401
    FORBIDDEN = 403
    NOT_FOUND = 404
    NOT_ALLOWED = 405
    INTERNAL = 500
    UNAVAILABLE = 503
    TIMEOUT = 504


class ServiceError(Exception):
    """A failure that is reported to the caller.

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
