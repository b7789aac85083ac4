"""The two ends of a login with an identity provider: ``/oauth_login`` and ``/oauth_callback``."""

from __future__ import annotations

from jupyterhub.handlers import BaseHandler
from oauthenticator.oauth2 import OAuthCallbackHandler, OAuthLoginHandler
from tornado.web import HTTPError

from firstlight_hub.auth import attempts
from firstlight_hub.auth.refusals import refusal

__all__ = ["CallbackHandler", "LoginHandler"]

_DAYS = attempts.LIFETIME.total_seconds() / 86400


class LoginHandler(OAuthLoginHandler):
    """``/hub/oauth_login``: sends the browser to the identity provider."""

    def set_state_cookie(self, state_cookie_value: str) -> None:
        """Store the login's state in a cookie of its own, sent to the hub's pages only."""
        cookies = _cookies(self)
        for name in cookies.superseded(self.request.cookies):
            self.clear_cookie(name, path=self.hub.base_url)
        name = cookies.new(attempts.state_id(state_cookie_value))
        self._set_cookie(name, state_cookie_value, expires_days=_DAYS, path=self.hub.base_url)


class CallbackHandler(OAuthCallbackHandler):
    """``/hub/oauth_callback``: where the identity provider sends people back to."""

    _state_cookie: str | None = None

    async def get(self) -> None:
        """Finish the login; a person who is logged in already stays who they are."""
        try:
            self.check_arguments()
        except HTTPError:
            # For instance a reloaded page: its state has been used.
            if not self.get_argument("code", "") or self.current_user is None:
                raise
            self.redirect(self.get_next_url(self.current_user))
            return
        await super().get()

    def check_error(self) -> None:
        """Explain what happened if the person pressed Cancel."""
        if self.get_argument("error", "") == "access_denied":
            raise refusal(
                403,
                "You did not allow this site to see who you are on GitHub. Log in again to do so.",
            )
        super().check_error()

    def check_state(self) -> None:
        """Refuse a login that did not begin in this browser, or that began too long ago."""
        begun = attempts.state_id(self.get_state_cookie())
        if not begun or begun != attempts.state_id(self.get_state_url()):
            self.log.warning("A login was refused: this browser has no cookie for its state")
            raise refusal(
                400,
                "This login could not be completed: it is more than an hour old, or it began in "
                "another browser. Please log in again.",
            )

    def get_state_cookie(self) -> str:
        """Return the state in the cookie of this login, and delete that cookie."""
        if self._state_cookie is None:
            identifier = attempts.state_id(self.get_state_url())
            name = _cookies(self).find(self.request.cookies, identifier)
            kept = self.get_secure_cookie(name, max_age_days=_DAYS) if name else None
            self._state_cookie = (kept or b"").decode("utf-8", "replace")
            if name:
                self.clear_cookie(name, path=self.hub.base_url)
        return self._state_cookie

    def get_state_url(self) -> str:
        """Return the state in the address, or an empty string if there is none."""
        return self.get_argument("state", "")


def _cookies(handler: BaseHandler) -> attempts.LoginCookies:
    """Return the cookies' names, which have the prefix that the hub's own cookie has."""
    return attempts.LoginCookies(handler.settings.get("cookie_host_prefix_enabled", False))
