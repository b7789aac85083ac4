"""The portal's login through the hub: OAuth 2 with PKCE, and the two cookies it needs."""

from __future__ import annotations

import hmac
import json
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlencode, urlsplit

from cryptography.fernet import Fernet, InvalidToken
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from firstlight_common import paths
from firstlight_common.origins import HOST_PREFIX
from firstlight_common.recovery import HUB_SECONDS
from firstlight_common.runtime import client_id
from firstlight_common.section import Section
from firstlight_services.web import Kind, ServiceContext, ServiceError

__all__ = ["CALLBACK", "HubLogin", "LoginAttempt", "Sealer"]

CALLBACK = "/portal/oauth_callback"
"""Where the hub sends browsers back."""

_MOST_ATTEMPTS = 10
"""How many logins one browser may have under way; cookies must fit into a request's headers."""


class Sealer:
    """Encrypts what the portal stores in browsers, so that it needs no store of its own.

    Parameters
    ----------
    secret
        The portal's own secret at the hub; the key is derived from it.

    Notes
    -----
    Fernet (AES-128-CBC, HMAC-SHA256) includes the time: an old cookie is not valid.
    """

    def __init__(self, secret: str) -> None:
        # Without a secret (outside the platform) each process has its own.
        seed = secret or secrets.token_hex(32)
        key = hmac.new(seed.encode(), b"firstlight portal cookie v1", sha256).digest()
        self._fernet = Fernet(urlsafe_b64encode(key))

    def seal(self, value: dict[str, str]) -> str:
        """Return the value encrypted."""
        return self._fernet.encrypt(json.dumps(value).encode()).decode()

    def open(self, sealed: str, max_age: int) -> dict[str, str] | None:
        """Return what `seal` encrypted at most ``max_age`` seconds ago; None for anything else."""
        try:
            value = json.loads(self._fernet.decrypt(sealed.encode(), ttl=max_age))
        except (InvalidToken, ValueError):
            return None
        return value if isinstance(value, dict) else None


@dataclass(frozen=True)
class LoginAttempt:
    """One login under way; it is kept, sealed, in a cookie for an hour."""

    state: str
    verifier: str
    next_url: str

    @classmethod
    def begin(cls, next_url: str) -> LoginAttempt:
        """Return a new attempt, with secrets of its own."""
        # It begins with the time, so that names of cookies sort by it.
        state = f"{int(time.time()):08x}{secrets.token_urlsafe(24)}"
        return cls(state, secrets.token_urlsafe(48), next_url)


class HubLogin:
    """A client of the hub's OAuth 2.

    Notes
    -----
    RFC 6749 section 4.1 with PKCE (RFC 7636). No ``redirect_uri`` is sent: the hub has exactly one
    registered for this service (section 3.1.2.3). The code is exchanged on the hub's internal
    address.
    """

    def __init__(self, context: ServiceContext[Section]) -> None:
        self._context = context
        # Cookies ignore ports: two platforms on one machine must not overwrite each other's.
        port = urlsplit(context.public_url).port
        suffix = f"-{port}" if port else ""
        # Where it can be, the name is one that no lab of the same site can set.
        prefix = HOST_PREFIX if context.runtime.origins.cookies_have_prefix else ""
        self.cookie_name = f"{prefix}firstlight-portal{suffix}"
        self._attempts = f"{self.cookie_name}-login-"
        self._client_id = client_id(context.name)
        needed = {context.name, *context.component.acts_at}
        self._scopes = [one.scope for one in context.runtime.services() if one.name in needed]

    def attempt_cookie(self, state: str) -> str:
        """Return the name of the cookie of one attempt, so that two tabs can log in at once."""
        return f"{self._attempts}{state[:16]}"

    def superseded(self, names: Iterable[str]) -> list[str]:
        """Return the names of the oldest attempts' cookies, to make room for one more."""
        return sorted(name for name in names if name.startswith(self._attempts))[
            : -(_MOST_ATTEMPTS - 1)
        ]

    def authorize_url(self, attempt: LoginAttempt) -> str:
        """Return where to send the browser."""
        challenge = urlsafe_b64encode(sha256(attempt.verifier.encode()).digest()).rstrip(b"=")
        query = {
            "client_id": self._client_id,
            "response_type": "code",
            "state": attempt.state,
            "scope": " ".join(self._scopes),
            "code_challenge": challenge.decode(),
            "code_challenge_method": "S256",
        }
        return f"{paths.HUB}hub/api/oauth2/authorize?{urlencode(query)}"

    async def exchange(self, code: str, attempt: LoginAttempt) -> str:
        """Return the person's token in exchange for the code.

        Raises
        ------
        ServiceError
            INVALID if the hub refuses the code; UNAVAILABLE if the hub is.
        """
        body = {
            "client_id": self._client_id,
            "client_secret": self._context.hub_token,
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": attempt.verifier,
        }
        client = AsyncHTTPClient(force_instance=True)
        request = HTTPRequest(
            f"{self._context.hub_api_url}/oauth2/token",
            method="POST",
            body=urlencode(body),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            connect_timeout=3,
            request_timeout=10,
        )
        try:
            answer = json.loads((await client.fetch(request)).body)
            return str(answer["access_token"])
        except HTTPClientError as error:
            if error.code < 500:
                raise login_failed() from error
            raise _hub_unavailable() from error
        except (OSError, ValueError, KeyError) as error:
            raise _hub_unavailable() from error
        finally:
            client.close()


def login_failed() -> ServiceError:
    """Return the error for a failed login; a stranger is not told why it failed."""
    return ServiceError(
        "login_failed",
        "This login could not be completed.",
        hint="It may be too old, or it began in another browser. Start again from the catalogs.",
        kind=Kind.INVALID,
    )


def _hub_unavailable() -> ServiceError:
    return ServiceError(
        "hub_unavailable",
        "The hub is restarting, so nobody can log in at the moment.",
        hint=f"Try again in {HUB_SECONDS} seconds.",
        kind=Kind.UNAVAILABLE,
    )
