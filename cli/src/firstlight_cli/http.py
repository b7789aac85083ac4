"""HTTP to the platform's own parts: the hub's API, and health."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from firstlight_cli.disk import shortage
from firstlight_cli.errors import OperatorError
from firstlight_cli.paths import State
from firstlight_cli.plan import read_runtime
from firstlight_cli.secrets import read_secret

__all__ = ["Hub", "HubRefusalError", "is_healthy"]

_PAGES = "application/jupyterhub-pagination+json"

# Loopback is never reached through the machine's web proxy.
_opener = build_opener(ProxyHandler({}))


class HubRefusalError(OperatorError):
    """The hub answered, and said no or that it could not."""

    def __init__(self, status: int, message: str) -> None:
        said = message.rstrip(".")
        if status < 500:
            super().__init__(f"The hub refused: {said}.")
        else:
            super().__init__(f"The hub failed: {said}.", "Its log: `firstlight logs hub`.")
        self.status = status


def is_healthy(address: str, *, seconds: float = 2) -> bool:
    """Tell whether an address answers 200."""
    try:
        with _opener.open(address, timeout=seconds) as answer:
            return bool(answer.status == 200)
    except (OSError, HTTPException):
        return False


class Hub:
    """The hub's API, with the rights of the operator's token."""

    def __init__(self, state: State) -> None:
        self._state = state
        port = read_runtime(state).get("ports", {}).get("hub")
        self._base = f"http://127.0.0.1:{port}/nb/hub/api"
        self._token = read_secret(state, "service_operator")

    def users(self, *, state: str = "") -> Iterator[dict[str, Any]]:
        """Give all people, or those in a state (``active``), page by page.

        Raises
        ------
        OperatorError
            As `call`.
        """
        path = "/users?" + urlencode({"limit": 200, **({"state": state} if state else {})})
        offset: int | None = 0
        while offset is not None:
            page = self.call("GET", f"{path}&offset={offset}", accept=_PAGES)
            yield from page["items"]
            following = page["_pagination"]["next"]
            offset = following["offset"] if following else None

    def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, accept: str = ""
    ) -> Any:
        """Call the API and return the decoded answer.

        Raises
        ------
        HubRefusalError
            If the hub says no.
        OperatorError
            If no hub answers.
        """
        headers = {"Authorization": f"token {self._token}", "Content-Type": "application/json"}
        if accept:
            headers["Accept"] = accept
        request = Request(  # noqa: S310 (always http://127.0.0.1)
            self._base + path,
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers=headers,
        )
        try:
            with _opener.open(request, timeout=15) as answer:
                return json.loads(answer.read() or b"null")
        except HTTPError as error:
            if error.code >= 500 and (short := shortage(self._state)):
                raise OperatorError(short, "Free some room there, and try again.") from error
            raise HubRefusalError(error.code, _message(error)) from error
        except (OSError, HTTPException, ValueError) as error:
            raise OperatorError(
                "The hub does not answer.",
                "Is the platform running? Start it with `firstlight up`, or look at "
                "`firstlight status` and `firstlight logs hub`.",
            ) from error


def _message(error: HTTPError) -> str:
    try:
        return str(json.loads(error.read())["message"])
    except (OSError, ValueError, KeyError, TypeError):
        return str(error.reason)
