"""Log out of the hub, and of the services that the hub logged the browser in to."""

from __future__ import annotations

from jupyterhub.handlers.login import LogoutHandler as HubLogoutHandler

from firstlight_common.runtime import CLIENT_PREFIX
from firstlight_hub.protocols import HubUser

__all__ = ["LogoutHandler"]


class LogoutHandler(HubLogoutHandler):
    """``/hub/logout``: ask, then log out everywhere.

    A page of another site or of a lab can send a browser here, but not press the button.

    Notes
    -----
    JupyterHub revokes the OAuth tokens of the browser's session. A browser that was closed and
    opened again has a new session, but still has our services' cookies. So all of the person's
    service tokens are revoked, and the browser is sent to where those cookies are deleted.
    """

    async def get(self) -> None:
        """Ask, if somebody is logged in."""
        if self.current_user is None:
            await self.render_logout_page()
        else:
            self.finish(await self.render_template("logout_question.html"))

    async def post(self) -> None:
        """Log out; the base class has checked the form's key."""
        await super().get()

    async def handle_logout(self) -> None:
        """Revoke the service tokens; JupyterHub calls this while the user is still known."""
        user: HubUser | None = self.current_user
        if user is None:
            return
        for token in list(user.orm_user.api_tokens):
            if (token.client_id or "").startswith(CLIENT_PREFIX):
                self.db.delete(token)
        self.db.commit()

    async def render_logout_page(self) -> None:
        """Send the browser to the site's own page, if there is one."""
        if self.authenticator.after_logout_url:
            self.redirect(self.authenticator.after_logout_url, status=303)
        else:
            await super().render_logout_page()
