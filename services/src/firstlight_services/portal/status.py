"""The state of the site: short questions to each component, cached for two seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from pydantic import ValidationError
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from firstlight_common.runtime import Runtime, RuntimeComponent
from firstlight_services.portal.models import ComponentStatus, SiteState
from firstlight_services.web.hub import HUB_NAME, HubState, state_url

__all__ = ["StatusBoard"]

_CACHE_SECONDS = 2.0
_PATIENCE_SECONDS = 1.0


class StatusBoard:
    """Asks the components that people know by a title whether they are up.

    Parameters
    ----------
    runtime
        The components of this run.
    hub_api_url
        The hub's API.
    clock
        Monotonic seconds.

    Notes
    -----
    A crowd on the landing page costs one round of questions every two seconds: answers are cached,
    and a request during a round waits for its result.
    """

    def __init__(
        self, runtime: Runtime, hub_api_url: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._shown = sorted(
            (component for component in runtime.running() if component.title),
            key=lambda component: (component.name != HUB_NAME, component.title),
        )
        self._state_url = state_url(hub_api_url)
        self._clock = clock
        self._known: tuple[float, SiteState] | None = None
        self._round: asyncio.Task[SiteState] | None = None
        self._client: AsyncHTTPClient | None = None

    async def state(self) -> SiteState:
        """Return the present state, at most two seconds old."""
        if self._known and self._clock() - self._known[0] < _CACHE_SECONDS:
            return self._known[1]
        if self._round is None:
            self._round = asyncio.create_task(self._ask_all())
            self._round.add_done_callback(self._round_done)
        return await asyncio.shield(self._round)

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _round_done(self, _: asyncio.Task[SiteState]) -> None:
        self._round = None

    async def _ask_all(self) -> SiteState:
        services = [component for component in self._shown if component.name != HUB_NAME]
        hub, healthy = await asyncio.gather(
            self._hub_state(),
            asyncio.gather(*(self._is_healthy(component) for component in services)),
        )
        # A hub that cannot write refuses everybody.
        hub_up = hub is not None and not hub.disk_full
        up = {HUB_NAME: hub_up} | {
            component.name: answer for component, answer in zip(services, healthy, strict=True)
        }
        state = SiteState(
            hub_up=hub_up,
            labs_running=hub.labs_running if hub else None,
            people_active=hub.people_active if hub else None,
            components=tuple(
                ComponentStatus(component.name, component.title, up[component.name])
                for component in self._shown
            ),
        )
        self._known = (self._clock(), state)
        return state

    async def _hub_state(self) -> HubState | None:
        answer = await self._fetch(self._state_url)
        try:
            return HubState.model_validate_json(answer) if answer else None
        except ValidationError:
            return None

    async def _is_healthy(self, component: RuntimeComponent) -> bool:
        return await self._fetch(component.health) is not None

    async def _fetch(self, url: str) -> bytes | None:
        """Return the body of a successful answer; None if there is no such answer."""
        if self._client is None:
            self._client = AsyncHTTPClient(force_instance=True)
        request = HTTPRequest(
            url, connect_timeout=_PATIENCE_SECONDS, request_timeout=_PATIENCE_SECONDS
        )
        try:
            return (await self._client.fetch(request)).body
        except (OSError, ValueError, HTTPClientError):
            return None
