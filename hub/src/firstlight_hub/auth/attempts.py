"""Logins under way in one browser: each has a state and a cookie of its own.

Notes
-----
The state parameter ties a login to the browser that began it (RFC 6749, section 10.12).
oauthenticator keeps it in one cookie, so that a second tab overwrites the first tab's. Here the
cookie's name depends on the state, and tabs do not affect each other.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from pydantic import BaseModel, ValidationError

__all__ = ["LIFETIME", "MOST_ATTEMPTS", "LoginCookies", "state_id"]

LIFETIME = timedelta(hours=1)
"""How long a login may take, for example at the identity provider's own pages."""

MOST_ATTEMPTS = 10
"""How many logins one browser may have under way; cookies must fit into a request's headers."""


class _State(BaseModel):
    """The part of oauthenticator's serialized state that identifies a login."""

    state_id: str


def state_id(serialized: str) -> str:
    """Return the identifier in oauthenticator's state, or an empty string if there is none."""
    try:
        return _State.model_validate_json(base64.urlsafe_b64decode(serialized.encode())).state_id
    except (binascii.Error, ValidationError):
        return ""


@dataclass(frozen=True)
class LoginCookies:
    """The names of the cookies of logins under way.

    Parameters
    ----------
    host_prefix
        Whether the hub's cookies have the ``__Host-`` prefix; cookies without it are then ignored,
        because another host of the same domain can set those.
    """

    host_prefix: bool

    def new(self, identifier: str) -> str:
        """Return a name for a login's cookie; names sort by the time at which the login began."""
        return f"{self._beginning}{int(time.time()):010x}-{_digest(identifier)}"

    def find(self, names: Iterable[str], identifier: str) -> str | None:
        """Return the name of a login's cookie among those that a browser sent."""
        ending = f"-{_digest(identifier)}"
        return next((name for name in self._ours(names) if name.endswith(ending)), None)

    def superseded(self, names: Iterable[str]) -> list[str]:
        """Return the names of the oldest logins' cookies, to make room for one more login."""
        return sorted(self._ours(names))[: -(MOST_ATTEMPTS - 1)]

    @property
    def _beginning(self) -> str:
        return f"{'__Host-' if self.host_prefix else ''}firstlight-login-"

    def _ours(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name.startswith(self._beginning)]


def _digest(identifier: str) -> str:
    return sha256(identifier.encode()).hexdigest()[:16]
