"""A lab's server while the hub restarts: it waits for the hub instead of failing.

JupyterHub's own server asks the hub who a caller is, and caches the answer for five minutes. When
it has to ask while the hub restarts, it answers 500.
"""

from __future__ import annotations

import asyncio

from jupyterhub.services.auth import HubOAuth
from pydantic import JsonValue
from tornado.web import HTTPError

__all__ = ["PatientHubOAuth"]

_SECONDS = 30.0
"""How long a request waits: as long as the hub may take to restart."""
_PAUSE_SECONDS = 0.3


class PatientHubOAuth(HubOAuth):
    """Asks the hub again while it does not answer; then the caller gets a 503."""

    async def _api_request(self, method: str, url: str, /, **kwargs: JsonValue) -> JsonValue:
        # The one method of upstream's through which all questions go; it raises HTTP errors only.
        end = asyncio.get_running_loop().time() + _SECONDS
        while True:
            try:
                answer: JsonValue = await super()._api_request(method, url, **kwargs)
            except HTTPError as error:
                if not _is_outage(error):
                    raise
                if asyncio.get_running_loop().time() > end:
                    raise HTTPError(
                        503, "The hub is restarting, so we cannot check who you are; try again."
                    ) from error
            else:
                return answer
            await asyncio.sleep(_PAUSE_SECONDS)


def _is_outage(error: HTTPError) -> bool:
    """Return whether an error of upstream's means that no hub answered, or one that failed."""
    unreachable = (error.log_message or "").startswith("Failed to connect to Hub")
    return unreachable or error.status_code == 502
