"""``firstlight token`` and ``firstlight link``: what the operator hands to a person."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from urllib.parse import quote

from pydantic import BaseModel, JsonValue

from firstlight_cli.errors import MisunderstoodError, OperatorError
from firstlight_cli.http import Hub, HubRefusalError
from firstlight_cli.paths import State
from firstlight_cli.plan import read_runtime

__all__ = ["mint_link", "mint_token", "parse_duration"]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class _Token(BaseModel):
    token: str


class _Link(BaseModel):
    url: str


def parse_duration(text: str) -> int:
    """Read ``90s``, ``15m``, ``1h30m`` or ``7d`` as seconds.

    Raises
    ------
    MisunderstoodError
        If it does not have this form.
    """
    pairs = re.findall(r"(\d+)([smhdw])", text)
    if not pairs or "".join(number + unit for number, unit in pairs) != text:
        raise MisunderstoodError(f"{text!r} is not a duration.", "Write for example 15m, 1h or 7d.")
    seconds = sum(int(number) * _UNITS[unit] for number, unit in pairs)
    if not seconds:
        raise MisunderstoodError("The duration must be longer than zero.", "Write for example 15m.")
    return seconds


def mint_token(state: State, user: str, *, seconds: int, scopes: Sequence[str]) -> str:
    """Make a token of a person for the data services, or with the scopes named.

    Parameters
    ----------
    scopes
        Names of data services (``tap``), or the hub's own scopes; empty means all data services.
    """
    services = _services(state)
    wanted: list[JsonValue] = [services.get(scope, scope) for scope in (scopes or services)]
    hub = Hub(state)
    body: dict[str, JsonValue] = {
        "expires_in": seconds,
        "scopes": wanted,
        "note": "Made by the operator",
    }
    try:
        answer = hub.call("POST", f"/users/{quote(user, safe='')}/tokens", body)
        return _Token.model_validate(answer).token
    except HubRefusalError as error:
        if error.status == 400 and "expires_in" in str(error):
            raise OperatorError(
                "Tokens cannot be valid for that long on this site.",
                "Ask for less with --for, or raise identity.token_lifetime in platform.yaml.",
            ) from error
        if error.status == 400 and "scope" in str(error).lower():
            raise _no_such_scope(scopes, services, error) from error
        if error.status not in {403, 404}:
            raise
        names = list(hub.users())
        if user in names:
            raise
        near = get_close_matches(user, names, n=1)
        raise OperatorError(
            f"Nobody named {user!r} has logged in here."
            + (f" Did you mean {near[0]}?" if near else ""),
            "People are known once they have logged in for the first time.",
        ) from error


def _services(state: State) -> dict[str, str]:
    """Return the scope that opens each data service, by the service's name."""
    runtime = read_runtime(state)
    return {service.name: service.scope for service in runtime.services()} if runtime else {}


def _no_such_scope(
    scopes: Sequence[str], services: Iterable[str], error: HubRefusalError
) -> OperatorError:
    names = list(services)
    fix = (
        f"A scope is one of {', '.join(names)}, or one of JupyterHub's own, such as "
        "read:users:activity!user=NAME."
    )
    for scope in scopes:
        if scope in str(error) and (near := get_close_matches(scope, names, n=1)):
            return MisunderstoodError(f"There is no scope {scope!r}. Did you mean {near[0]}?", fix)
    return MisunderstoodError(error.message, fix)


def mint_link(state: State, user: str, *, admin: bool, seconds: int) -> str:
    """Make a one-time login link."""
    body: dict[str, JsonValue] = {"user": user, "admin": admin, "expires_in": seconds}
    return _Link.model_validate(Hub(state).call("POST", "/firstlight/links", body)).url
