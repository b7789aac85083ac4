"""Log in without an identity provider: by one-time links only."""

from __future__ import annotations

from typing import Any

from firstlight_hub.auth.base import PeopleAuthenticator
from firstlight_hub.auth.refusals import LINK_FIELD, refusal

__all__ = ["LocalLinkAuthenticator"]

_PAGE = """\
<p>This site lets people in by a one-time link. Ask {{ contact }} for yours.</p>
<p>If that is you, run <code>firstlight link --user NAME</code> on the site's machine.</p>
"""


class LocalLinkAuthenticator(PeopleAuthenticator):
    """No passwords: the operator makes links with ``firstlight link --user NAME``."""

    def get_custom_html(self, base_url: str) -> str:
        """Explain it where a login form would be."""
        del base_url
        return _PAGE.replace("{{ contact }}", _escape(self.contact))

    async def authenticate(
        self, handler: Any, data: dict[str, str] | None = None, **kwargs: Any
    ) -> dict[str, Any] | None:
        """Log somebody in by a link, and in no other way."""
        if not data or LINK_FIELD not in data:
            raise refusal(403, "This site has no passwords; people come in by a one-time link.")
        return await super().authenticate(handler, data, **kwargs)


def _escape(text: str) -> str:
    """Make text safe in HTML that the hub then renders as a template."""
    table = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "{": "&#123;", "}": "&#125;", "%": "&#37;"}
    return "".join(table.get(letter, letter) for letter in text)
