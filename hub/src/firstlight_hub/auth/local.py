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


class LocalLinkAuthenticator(PeopleAuthenticator):
    """No passwords: the operator creates links with ``firstlight link --user NAME``."""

    async def authenticate(
        self, handler: BaseHandler, data: Mapping[str, str] | None = None
    ) -> AuthModel | None:
        """Log a person in with a link, and in no other way."""
        if not data or LINK_FIELD not in data:
            raise refusal(403, "This site has no passwords; log in with a one-time link.")
        return await super().authenticate(handler, data)
