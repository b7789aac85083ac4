"""The hub as services see it: its name, what it reports about itself and about tokens."""

from __future__ import annotations

import logging

from pydantic import BaseModel, ConfigDict, ValidationError
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse

from firstlight_common.recovery import HUB_SECONDS
from firstlight_services.web.errors import Kind, ServiceError

__all__ = ["HUB_NAME", "HubClient", "HubState", "TokenOwner", "state_url"]

_log = logging.getLogger(__name__)

HUB_NAME = "hub"
"""The hub's name among the components."""


class _Answer(BaseModel):
    """What we read of an answer; the hub tells more."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class HubState(_Answer):
    """The hub's public state, ``firstlight/state``.

    Attributes
    ----------
    disk_full
        Whether the hub cannot write; it then refuses everybody.
    """

    labs_running: int | None = None
    people_active: int | None = None
    disk_full: bool = False


class TokenOwner(_Answer):
    """The owner of a token, ``/user``.

    Attributes
    ----------
    kind
        ``user`` or ``service``.
    scopes
        What the token allows.
    admin
        Whether they administer the site; true only if the token itself may read this.
    """

    kind: str = ""
    name: str = ""
    groups: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    admin: bool = False


def state_url(api_url: str) -> str:
    """Return the address of the public state, given that of the hub's API."""
    return f"{api_url.rstrip('/').removesuffix('/api')}/firstlight/state"


class HubClient:
    """Asks the hub about tokens.

    Parameters
    ----------
    api_url
        The address of the hub's API.
    """

    def __init__(self, api_url: str) -> None:
        self._user_url = f"{api_url.rstrip('/')}/user"
        self._state_url = state_url(api_url)
        self._client: AsyncHTTPClient | None = None

    async def owner(self, token: str) -> TokenOwner | None:
        """Return the owner of a token, or None if the hub does not know it.

        Raises
        ------
        ServiceError
            UNAVAILABLE if the hub is, or if it cannot tell because its disk is full.
        """
        answer = await self._fetch(self._user_url, {"Authorization": f"token {token}"})
        if answer.code in (401, 403, 404):
            # A hub that cannot write refuses everybody, because it records when a token was used.
            state = await self._fetch(self._state_url, {})
            if state.code == 200 and _read(HubState, state.body).disk_full:
                raise _disk_full()
            return None
        if answer.code != 200:
            _log.warning("the hub answered %d", answer.code)
            raise _unavailable()
        return _read(TokenOwner, answer.body)

    def close(self) -> None:
        """Close the connections to the hub."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _fetch(self, url: str, headers: dict[str, str]) -> HTTPResponse:
        if self._client is None:
            self._client = AsyncHTTPClient(force_instance=True, max_clients=50)
        request = HTTPRequest(
            url,
            headers={"Accept": "application/json", **headers},
            connect_timeout=3,
            request_timeout=10,
            follow_redirects=False,
        )
        try:
            return await self._client.fetch(request, raise_error=False)
        except (OSError, ValueError, HTTPClientError) as error:
            _log.warning("the hub did not answer: %s", type(error).__name__)
            raise _unavailable() from error


def _read[M: _Answer](model: type[M], document: bytes) -> M:
    """Read an answer; JSON that no hub writes counts as no answer."""
    try:
        return model.model_validate_json(document)
    except ValidationError as error:
        _log.warning("the hub's answer is not a valid %s", model.__name__)
        raise _unavailable() from error


def _disk_full() -> ServiceError:
    return ServiceError(
        "disk_full",
        "The site's disk is full, so we cannot check who you are.",
        hint="Tell the operator of this site, and try again when there is space.",
        kind=Kind.UNAVAILABLE,
    )


def _unavailable() -> ServiceError:
    return ServiceError(
        "hub_unavailable",
        "The hub is restarting, so we cannot check who you are.",
        hint=f"Try again in {HUB_SECONDS} seconds.",
        kind=Kind.UNAVAILABLE,
    )
