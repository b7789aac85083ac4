"""Log out: of the hub, and of what the hub logged the browser in to."""

from __future__ import annotations

from jupyterhub.handlers.login import LogoutHandler as HubLogoutHandler

__all__ = ["LogoutHandler"]


class LogoutHandler(HubLogoutHandler):
    """``/hub/logout``.

    Notes
    -----
    JupyterHub revokes the OAuth tokens of the browser's session. A browser that was closed and
    opened again has a new session, but still the cookies of our services: so all of the person's
    tokens of services are revoked, and the browser is sent on to where it loses those cookies.
    """

    async def handle_logout(self) -> None:
        """Revoke the tokens of services; JupyterHub calls this before it forgets who it was."""
        user = self.current_user
        if user is None:
            return
        for token in list(user.orm_user.api_tokens):
            if (token.client_id or "").startswith("service-"):
                self.db.delete(token)
        self.db.commit()

    async def render_logout_page(self) -> None:
        """Send the browser on."""
        if self.authenticator.after_logout_url:
            self.redirect(self.authenticator.after_logout_url)
        else:
            await super().render_logout_page()
