"""Logging in at the portal: by the hub's OAuth, kept in the portal's own cookie."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

from firstlight_common.origins import HOST_PREFIX
from firstlight_services.portal.pages import PageHandler
from firstlight_services.portal.policy import HOME, safe_next
from firstlight_services.portal.service import Portal
from firstlight_services.portal.session import HubLogin, LoginAttempt, Sealer, login_failed
from firstlight_services.web import Kind, ServiceError

__all__ = ["CallbackHandler", "LoginHandler", "LogoutHandler", "SessionHandler"]

_SESSION_SECONDS = 24 * 3600
_ATTEMPT_SECONDS = 3600
"""How long a login may take; the identity provider may have pages of its own."""


class SessionHandler(PageHandler[Portal]):
    """A page that identifies the person by the portal's own cookie."""

    @property
    def login(self) -> HubLogin:
        """The login through the hub."""
        return self.service.login

    @property
    def sealer(self) -> Sealer:
        """What encrypts cookies."""
        return self.service.sealer

    def credentials(self) -> tuple[str, ...]:
        """Return the token in the cookie; browsers send no other credentials here."""
        sealed = self.get_cookie(self.login.cookie_name, "") or ""
        session = self.sealer.open(sealed, _SESSION_SECONDS)
        return (session["token"],) if session and "token" in session else ()

    def put_cookie(self, name: str, value: dict[str, str], max_age: int) -> None:
        """Set a cookie that no script can read; only the portal can open what it contains."""
        self.set_cookie(
            name,
            self.sealer.seal(value),
            path=self.cookie_path,
            httponly=True,
            samesite="Lax",
            secure=self.context.runtime.origins.is_https,
            max_age=max_age,
        )

    def drop_cookie(self, name: str) -> None:
        """Remove a cookie."""
        secure = self.context.runtime.origins.is_https
        self.clear_cookie(name, path=self.cookie_path, secure=secure)

    @property
    def cookie_path(self) -> str:
        """The path that cookies are sent to; the ``__Host-`` prefix requires all."""
        return "/" if self.login.cookie_name.startswith(HOST_PREFIX) else self.context.prefix


class LoginHandler(SessionHandler):
    """``/portal/login``: sends the browser to the hub."""

    async def get(self) -> None:
        """Begin a login; people who are logged in at the hub do not notice it."""
        attempt = LoginAttempt.begin(safe_next(self.get_query_argument("next", HOME), HOME))
        for name in self.login.superseded(self.request.cookies):
            self.drop_cookie(name)
        self.put_cookie(self.login.attempt_cookie(attempt.state), vars(attempt), _ATTEMPT_SECONDS)
        self.redirect(self.login.authorize_url(attempt))


class CallbackHandler(SessionHandler):
    """``/portal/oauth_callback``: where the hub sends the browser back."""

    async def get(self) -> None:
        """Finish the login."""
        if self.get_query_argument("error", ""):
            raise ServiceError(
                "login_refused",
                "The hub denied you access to the catalog pages.",
                hint="Ask the site's contact whether your account may use the catalogs.",
                kind=Kind.FORBIDDEN,
            )
        state = self.get_query_argument("state", "")
        name = self.login.attempt_cookie(state)
        kept = self.sealer.open(self.get_cookie(name, "") or "", _ATTEMPT_SECONDS)
        # Without the cookie of this very browser, somebody else began this login (RFC 6749, 10.12).
        if not kept or not hmac.compare_digest(kept.get("state", "").encode(), state.encode()):
            raise login_failed()
        attempt = LoginAttempt(kept["state"], kept["verifier"], kept["next_url"])
        token = await self.login.exchange(self.get_query_argument("code", ""), attempt)
        if await self.checker.check(token) is None:
            raise login_failed()
        self.drop_cookie(name)
        self.put_cookie(self.login.cookie_name, {"token": token}, _SESSION_SECONDS)
        self.redirect(safe_next(attempt.next_url, HOME))


@dataclass(frozen=True)
class LogoutPage:
    """The question before a logout.

    Attributes
    ----------
    key
        What proves that the form's button was pressed: only pages of this session have it.
    """

    template: ClassVar[str] = "logout.html"
    key: str


class LogoutHandler(SessionHandler):
    """``/portal/logout``: ends the session here; the hub's own logout comes first.

    Notes
    -----
    The hub asks, logs out, and sends the browser here with ``from=hub``. The session here is then
    no longer valid, and its cookie is removed without another question. Any other page can send a
    browser here too, so a session that is still valid is ended only by the form.
    """

    async def get(self) -> None:
        """Lead to the hub's logout, or end what the hub has ended, or ask."""
        at_hub = f"{self.frame().hub}logout"
        if self.get_query_argument("from", "") != "hub":
            self.redirect(at_hub)
            return
        token = await self._valid_token()
        if token:
            self.render_page(LogoutPage(self._key(token)))
        else:
            self._leave()

    async def post(self) -> None:
        """End the session here, if the form came from it."""
        token = await self._valid_token()
        key = self.sealer.open(self.get_body_argument("key", ""), _ATTEMPT_SECONDS) or {}
        if token and not hmac.compare_digest(key.get("session", ""), _digest(token)):
            raise ServiceError(
                "logout_refused",
                "This form is too old, or it belongs to another login.",
                hint="Go back, and try to log out again.",
                kind=Kind.FORBIDDEN,
            )
        self.checker.forget(token)
        self._leave()

    async def _valid_token(self) -> str:
        """Return the session's token if the hub still knows it; an empty string otherwise."""
        for token in self.credentials():
            self.checker.forget(token)
            person = await self.checker.check(token)
            if person is not None:
                self._person = person
                return token
        return ""

    def _key(self, token: str) -> str:
        return self.sealer.seal({"session": _digest(token)})

    def _leave(self) -> None:
        self.drop_cookie(self.login.cookie_name)
        self.redirect(f"{self.frame().hub}login", status=303)


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
