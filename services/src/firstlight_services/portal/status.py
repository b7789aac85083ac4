"""How the site is doing: short questions to each part, remembered for two seconds."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from firstlight_services.portal.models import Part, SiteState
from firstlight_services.web import ServiceContext

__all__ = ["StatusBoard"]

_REMEMBER_SECONDS = 2.0
_PATIENCE_SECONDS = 1.0


class StatusBoard:
    """Asks the hub and the data services how they are.

    Parameters
    ----------
    context
        Where they are.
    clock
        Monotonic seconds.

    Notes
    -----
    A crowd on the landing page costs one round of questions every two seconds: answers are
    remembered, and whoever comes during a round waits for it.
    """

    def __init__(
        self, context: ServiceContext, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._context = context
        self._clock = clock
        self._known: tuple[float, SiteState] | None = None
        self._round: asyncio.Task[SiteState] | None = None
        self._client: AsyncHTTPClient | None = None

    async def state(self) -> SiteState:
        """Return the present state, at most two seconds old."""
        if self._known and self._clock() - self._known[0] < _REMEMBER_SECONDS:
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
        context = self._context
        services = context.settings.services
        asked = [
            ("tap", "Catalogs", services.tap.enabled),
            ("butler", "Images", services.butler.enabled),
        ]
        wanted = [
            (name, title) for name, title, on in asked if on and name in context.runtime.ports
        ]
        hub_url = f"{context.hub_api_url.removesuffix('/api')}/firstlight/state"
        hub, *healths = await asyncio.gather(
            self._ask(hub_url),
            *(
                self._ask(f"http://127.0.0.1:{context.runtime.ports[name]}/api/{name}/healthz")
                for name, _ in wanted
            ),
        )
        # A hub that cannot write lets nobody in.
        hub_works = hub is not None and not hub.get("disk_full")
        parts = [Part("hub", "Notebooks", hub_works)]
        parts += [
            Part(name, title, health is not None)
            for (name, title), health in zip(wanted, healths, strict=True)
        ]
        state = SiteState(
            hub_up=hub_works,
            labs_running=_count(hub, "labs_running"),
            people_active=_count(hub, "people_active"),
            parts=tuple(parts),
        )
        self._known = (self._clock(), state)
        return state

    async def _ask(self, url: str) -> dict[str, object] | None:
        if self._client is None:
            self._client = AsyncHTTPClient(force_instance=True)
        request = HTTPRequest(
            url, connect_timeout=_PATIENCE_SECONDS, request_timeout=_PATIENCE_SECONDS
        )
        try:
            answer = json.loads((await self._client.fetch(request)).body)
        except (OSError, ValueError, HTTPClientError):
            return None
        return answer if isinstance(answer, dict) else None


def _count(answer: dict[str, object] | None, key: str) -> int | None:
    value = (answer or {}).get(key)
    return value if isinstance(value, int) else None
