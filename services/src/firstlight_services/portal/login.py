"""Logging in at the portal: by the hub's OAuth, kept in the portal's own cookie."""

from __future__ import annotations

import hmac

from firstlight_services.portal.pages import PageHandler
from firstlight_services.portal.policy import HOME, safe_next
from firstlight_services.portal.session import HubLogin, LoginAttempt, Sealer, login_failed
from firstlight_services.web import Kind, ServiceError

__all__ = ["CallbackHandler", "LoginHandler", "LogoutHandler", "SessionHandler"]

_SESSION_SECONDS = 24 * 3600
_ATTEMPT_SECONDS = 3600
"""How long a login may take; the identity provider may have pages of its own."""


class SessionHandler(PageHandler):
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
        """Set a cookie that is sent to the portal's pages only and that no script can read."""
        self.set_cookie(
            name,
            self.sealer.seal(value),
            path=self.context.prefix,
            httponly=True,
            samesite="Lax",
            secure=self.context.public_url.startswith("https:"),
            max_age=max_age,
        )

    def drop_cookie(self, name: str) -> None:
        """Remove a cookie."""
        self.clear_cookie(name, path=self.context.prefix)


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


class LogoutHandler(SessionHandler):
    """``/portal/logout``: ends the session here, then at the hub."""

    async def get(self) -> None:
        """Log the person out of the portal, then of the hub."""
        for token in self.credentials():
            self.checker.forget(token)
        self.drop_cookie(self.login.cookie_name)
        # The hub sends browsers here when it has logged them out itself.
        done = self.get_query_argument("from", "") == "hub"
        self.redirect(f"{self.frame().hub}{'login' if done else 'logout'}")
