"""HTTP to the platform's own components: the hub's API, and health checks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from pydantic import BaseModel, Field, JsonValue

from firstlight_cli.disk import shortage
from firstlight_cli.errors import OperatorError
from firstlight_cli.paths import State
from firstlight_cli.plan import read_runtime
from firstlight_cli.secrets import OPERATOR, read_secret
from firstlight_common import paths
from firstlight_common.commands import firstlight
from firstlight_common.sockets import connect, socket_of

__all__ = ["Hub", "HubRefusalError", "is_healthy"]

_PAGES = "application/jupyterhub-pagination+json"

# The machine's web proxy is never used for loopback.
_opener = build_opener(ProxyHandler({}))


class HubRefusalError(OperatorError):
    """The hub refused a request, or failed to serve it."""

    def __init__(self, status: int, message: str, state: State) -> None:
        said = message.rstrip(".")
        if status < 500:
            super().__init__(f"The hub refused: {said}.")
        else:
            super().__init__(f"The hub failed: {said}.", f"Its log: `{_logs(state)}`.")
        self.status = status


def is_healthy(address: str, *, seconds: float = 2) -> bool:
    """Return whether an address answers 200, or, if it is a socket's, whether somebody listens."""
    try:
        if (path := socket_of(address)) is not None:
            connect(path, seconds=seconds).close()
            return True
        with _opener.open(address, timeout=seconds) as answer:
            return bool(answer.status == 200)
    except (OSError, HTTPException):
        return False


class _Next(BaseModel):
    offset: int


class _Pagination(BaseModel):
    next: _Next | None


class _User(BaseModel):
    name: str


class _Page(BaseModel):
    """A page of users, as JupyterHub's API has it."""

    items: list[_User]
    pagination: _Pagination = Field(alias="_pagination")


class Hub:
    """The hub's API, with the rights of the operator's token."""

    def __init__(self, state: State) -> None:
        self._state = state
        runtime = read_runtime(state)
        url = runtime.component("hub").url if runtime else "http://127.0.0.1:0"
        self._base = f"{url}{paths.HUB}hub/api"
        self._token = read_secret(state, OPERATOR)

    def users(self, *, state: str = "") -> Iterator[str]:
        """Yield the names of all people, or of those in a state (``active``), page by page.

        Raises
        ------
        OperatorError
            As `call`.
        """
        path = "/users?" + urlencode({"limit": 200, **({"state": state} if state else {})})
        offset: int | None = 0
        while offset is not None:
            page = _Page.model_validate(self.call("GET", f"{path}&offset={offset}", accept=_PAGES))
            yield from (user.name for user in page.items)
            offset = page.pagination.next.offset if page.pagination.next else None

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, JsonValue] | None = None,
        *,
        accept: str = "",
    ) -> JsonValue:
        """Call the API and return the decoded answer.

        Raises
        ------
        HubRefusalError
            If the hub refuses.
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
                decoded: JsonValue = json.loads(answer.read() or b"null")
                return decoded
        except HTTPError as error:
            if error.code >= 500 and (short := shortage(self._state)):
                raise OperatorError(short, "Free disk space there, and try again.") from error
            raise HubRefusalError(error.code, _message(error), self._state) from error
        except (OSError, HTTPException, ValueError) as error:
            raise OperatorError(
                "The hub does not answer.",
                f"Is the platform running? `{firstlight('status', state_dir=self._state.root)}` "
                f"shows it, and `{_logs(self._state)}` the hub's log.",
            ) from error


def _logs(state: State) -> str:
    return firstlight("logs", "hub", state_dir=state.root)


def _message(error: HTTPError) -> str:
    try:
        return str(json.loads(error.read())["message"])
    except (OSError, ValueError, KeyError, TypeError):
        return str(error.reason)
