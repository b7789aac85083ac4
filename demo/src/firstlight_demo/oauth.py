"""GitHub's OAuth authorization-code flow: codes, tokens and scopes (RFC 6749, RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass

__all__ = ["Grant", "OAuth", "OAuthError"]

_CODE_SECONDS = 600


@dataclass(frozen=True)
class Grant:
    """What a person has authorized."""

    number: int
    scopes: tuple[str, ...]
    challenge: str = ""
    redirect_uri: str = ""
    expires: float = 0.0


class OAuthError(Exception):
    """A refusal, with the error code that GitHub returns."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code


class OAuth:
    """An OAuth server that issues codes and tokens.

    Nothing is stored between runs: a token contains its own grant, signed with the secret.

    Parameters
    ----------
    client_id, client_secret
        Credentials of the only registered application.
    callback
        Its callback address, the only one to which people are redirected.
    """

    def __init__(self, client_id: str, client_secret: str, callback: str) -> None:
        self._client_id = client_id
        self._client_secret = client_secret
        self.callback = callback
        self._codes: dict[str, Grant] = {}
        self._revoked: dict[int, int] = {}

    def check_client(self, client_id: str, redirect_uri: str) -> None:
        """Raise an error for an application or callback that is not registered."""
        if client_id != self._client_id:
            raise OAuthError("application_not_found", "No application has this client_id.")
        if redirect_uri and redirect_uri != self.callback:
            raise OAuthError(
                "redirect_uri_mismatch", "The redirect_uri is not the application's callback."
            )

    def authorize(self, number: int, scopes: str, challenge: str, redirect_uri: str) -> str:
        """Return a code for a person who has agreed, valid once within ten minutes."""
        code = secrets.token_hex(10)
        expires = time.time() + _CODE_SECONDS
        wanted = tuple(scopes.replace(",", " ").split())
        self._codes[code] = Grant(number, wanted, challenge, redirect_uri, expires)
        return code

    def exchange(
        self, client_id: str, client_secret: str, code: str, verifier: str
    ) -> tuple[str, Grant]:
        """Exchange a code for a token.

        Raises
        ------
        OAuthError
            With GitHub's error codes, for a wrong secret or a used, expired or unknown code.
        """
        right = hmac.compare_digest(client_secret.encode(), self._client_secret.encode())
        if client_id != self._client_id or not right:
            raise OAuthError(
                "incorrect_client_credentials",
                "The client_id and/or client_secret passed are incorrect.",
            )
        grant = self._codes.pop(code, None)
        proven = grant is not None and (not grant.challenge or _s256(verifier) == grant.challenge)
        if grant is None or not proven or grant.expires < time.time():
            raise OAuthError("bad_verification_code", "The code passed is incorrect or expired.")
        said = f"{grant.number} {time.time_ns()} {secrets.token_hex(4)} {' '.join(grant.scopes)}"
        return f"gho_{said.encode().hex()}_{self._seal(said)}", grant

    def grant_of(self, token: str) -> Grant | None:
        """Return the grant of a token, or None for an invalid or revoked one."""
        kind, _, rest = token.partition("_")
        body, _, seal = rest.partition("_")
        try:
            said = bytes.fromhex(body).decode()
        except ValueError:
            return None
        if kind != "gho" or not hmac.compare_digest(self._seal(said).encode(), seal.encode()):
            return None
        number, made, _, *scopes = said.split()
        if int(made) <= self._revoked.get(int(number), 0):
            return None
        return Grant(int(number), tuple(scopes))

    def revoke(self, number: int) -> None:
        """Revoke all tokens of a person, as when the person removes the application."""
        self._revoked[number] = time.time_ns()

    def _seal(self, said: str) -> str:
        return hmac.new(self._client_secret.encode(), said.encode(), "sha256").hexdigest()[:32]


def _s256(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
