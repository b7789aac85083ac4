"""Log in without an identity provider: with one-time links only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from firstlight_hub.auth.auth_model import AuthModel
from firstlight_hub.auth.base import PeopleAuthenticator
from firstlight_hub.auth.refusals import LINK_FIELD, refusal

if TYPE_CHECKING:
    from jupyterhub.handlers import BaseHandler

__all__ = ["LocalLinkAuthenticator"]

_PAGE = """\
<p>On this site you log in with a one-time link. Ask {{ contact }} for yours.</p>
<p>If that is you, run <code>firstlight link --user NAME</code> on the site's machine.</p>
"""


class LocalLinkAuthenticator(PeopleAuthenticator):
    """No passwords: the operator creates links with ``firstlight link --user NAME``."""

    def get_custom_html(self, base_url: str) -> str:
        """Return an explanation that takes the place of a login form."""
        del base_url
        return _PAGE.replace("{{ contact }}", _escape(self.contact))

    async def authenticate(
        self, handler: BaseHandler, data: Mapping[str, str] | None = None
    ) -> AuthModel | None:
        """Log somebody in with a link, and in no other way."""
        if not data or LINK_FIELD not in data:
            raise refusal(403, "This site has no passwords; log in with a one-time link.")
        return await super().authenticate(handler, data)


def _escape(text: str) -> str:
    """Make a string safe in HTML that the hub then renders as a template."""
    table = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "{": "&#123;", "}": "&#125;", "%": "&#37;"}
    return "".join(table.get(letter, letter) for letter in text)
