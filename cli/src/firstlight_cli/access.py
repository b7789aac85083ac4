"""``firstlight token`` and ``firstlight link``: what the operator hands to a person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from urllib.parse import quote

from firstlight_cli.errors import MisunderstoodError, OperatorError
from firstlight_cli.http import Hub, HubRefusalError
from firstlight_cli.paths import State

__all__ = ["SERVICES", "mint_link", "mint_token", "parse_duration"]

SERVICES = ("tap", "butler", "portal")
_SCOPES = (
    f"A scope is one of {', '.join(SERVICES)}, or one of JupyterHub's own, such as "
    "read:users:activity!user=NAME."
)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def parse_duration(text: str) -> int:
    """Read ``90s``, ``15m``, ``1h30m`` or ``7d`` as seconds.

    Raises
    ------
    MisunderstoodError
        If it is none of these.
    """
    pairs = re.findall(r"(\d+)([smhdw])", text)
    if not pairs or "".join(number + unit for number, unit in pairs) != text:
        raise MisunderstoodError(f"{text!r} is no duration.", "Write for example 15m, 1h or 7d.")
    seconds = sum(int(number) * _UNITS[unit] for number, unit in pairs)
    if not seconds:
        raise MisunderstoodError("A duration of nothing is of no use.", "Write for example 15m.")
    return seconds


def mint_token(state: State, user: str, *, seconds: int, scopes: Sequence[str]) -> str:
    """Make a token of a person for the data services, or with the scopes named.

    Parameters
    ----------
    scopes
        Names of data services (``tap``), or the hub's own scopes; empty means all data services.
    """
    wanted = [
        f"access:services!service={scope}" if scope in SERVICES else scope
        for scope in (scopes or SERVICES)
    ]
    hub = Hub(state)
    body = {"expires_in": seconds, "scopes": wanted, "note": "Made by the operator"}
    try:
        return str(hub.call("POST", f"/users/{quote(user, safe='')}/tokens", body)["token"])
    except HubRefusalError as error:
        if error.status == 400 and "expires_in" in str(error):
            raise OperatorError(
                "That is longer than a token may live here.",
                "Ask for less with --for, or allow more: identity.token_lifetime in platform.yaml.",
            ) from error
        if error.status == 400 and "scope" in str(error).lower():
            raise _no_such_scope(scopes, error) from error
        if error.status not in {403, 404}:
            raise
        names = [person["name"] for person in hub.users()]
        if user in names:
            raise
        near = get_close_matches(user, names, n=1)
        raise OperatorError(
            f"Nobody named {user!r} has logged in here."
            + (f" Did you mean {near[0]}?" if near else ""),
            "People are known once they have logged in for the first time.",
        ) from error


def _no_such_scope(scopes: Sequence[str], error: HubRefusalError) -> OperatorError:
    for scope in scopes:
        if scope in str(error) and (near := get_close_matches(scope, SERVICES, n=1)):
            return MisunderstoodError(
                f"There is no scope {scope!r}. Did you mean {near[0]}?", _SCOPES
            )
    return MisunderstoodError(error.message, _SCOPES)


def mint_link(state: State, user: str, *, admin: bool, seconds: int) -> str:
    """Make a one-time login link."""
    body = {"user": user, "admin": admin, "expires_in": seconds}
    return str(Hub(state).call("POST", "/firstlight/links", body)["url"])
