"""A lab's login through the hub, for several tabs at once.

JupyterHub's lab stores the state of a login (RFC 6749, section 10.12) in one cookie, so that two
tabs which open at the same time overwrite each other's: one of them, or both, end in "oauth state
does not match". Here each login has a cookie of its own. A login whose state is no longer known
begins again, with a new state; its code is not used.
"""

from __future__ import annotations

import os
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jupyterhub.singleuser.extension import (
    JupyterHubIdentityProvider,
    JupyterHubOAuthCallbackHandler,
)
from jupyterhub.utils import get_browser_protocol
from tornado.httputil import url_concat
from tornado.web import HTTPError, RequestHandler
from traitlets import default

from firstlight_lab.hub_outage import PatientHubOAuth

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CallbackHandler", "LabIdentityProvider", "LabOAuth"]

_LIFETIME = timedelta(hours=1)
_MOST_ATTEMPTS = 10
_AGAIN = "login"


class LabOAuth(PatientHubOAuth):
    """The lab as a client of the hub's OAuth, with one state cookie for each login.

    It waits for a hub that restarts.
    """

    @default("oauth_state_max_age")
    def _an_hour(self) -> int:
        return int(_LIFETIME.total_seconds())

    def set_state_cookie(
        self,
        handler: RequestHandler,
        next_url: str | None = None,
        *,
        code_verifier: str | None = None,
    ) -> str:
        """Begin a login, and return its state."""
        begun = [name for name in handler.cookies if name.startswith(self.state_cookie_name)]
        if len(begun) >= _MOST_ATTEMPTS:
            self.clear_oauth_state_cookies(handler)
        name = f"{self.state_cookie_name}-{secrets.token_hex(8)}"
        state = self.generate_state(next_url, cookie_name=name, code_verifier=code_verifier)
        handler.set_secure_cookie(
            name,
            state,
            expires_days=None,
            **{
                **self.cookie_options,
                "path": self.cookie_path,
                "httponly": True,
                "max_age": self.oauth_state_max_age,
                "secure": self.cookie_host_prefix_enabled or _is_https(handler),
            },
        )
        return str(state)


class CallbackHandler(JupyterHubOAuthCallbackHandler):
    """``oauth_callback``: where the hub sends browsers back to the lab."""

    async def get(self) -> None:
        """Finish the login, or begin it again if its state is not known here any more."""
        try:
            await super().get()
        except HTTPError as error:
            if error.status_code != 403 or not self.get_argument("code", ""):
                raise
            target = self.hub_auth.get_next_url(self.get_argument("state", ""))
            if f"{_AGAIN}=again" in urlsplit(target).query:
                # It was the second try: this browser probably keeps no cookies.
                raise
            self.redirect(url_concat(target, {_AGAIN: "again"}))


class LabIdentityProvider(JupyterHubIdentityProvider):
    """JupyterHub's identity provider for labs, with the login above."""

    @default("hub_auth")
    def _with_own_states(self) -> LabOAuth:
        return LabOAuth(parent=self)

    def get_handlers(self) -> list[tuple[str, type[RequestHandler], Mapping[str, LabOAuth]]]:
        """Return JupyterHub's routes, with our callback handler."""
        routes = super().get_handlers()
        return [
            (path, CallbackHandler, *rest) if path == "/oauth_callback" else (path, handler, *rest)
            for path, handler, *rest in routes
        ]


def _is_https(handler: RequestHandler) -> bool:
    public = os.environ.get("JUPYTERHUB_PUBLIC_URL", "")
    scheme = urlsplit(public).scheme if public else get_browser_protocol(handler.request)
    return bool(scheme == "https")
