"""What a person can ask for when a lab starts, besides its size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import JsonValue

__all__ = ["DEBUG", "RESET", "SIZE", "Choices", "choices_of", "remembered"]

SIZE, RESET, DEBUG = "size", "reset_user_env", "debug"
"""The names of the options; the last two are as in Nublado's menu."""

_YES = ("true", "1", "on", "yes")


@dataclass(frozen=True)
class Choices:
    """What a person asked for.

    Attributes
    ----------
    reset
        The name of the directory in the home to move their environment to; empty to keep it.
    debug
        Whether the lab writes debug messages to its log.
    """

    reset: str = ""
    debug: bool = False


def choices_of(options: Mapping[str, JsonValue] | None, now: datetime) -> Choices:
    """Return what somebody chose.

    Parameters
    ----------
    options
        The hub's user options; a form sends lists.
    now
        The time, which names the directory of a reset.
    """
    name = now.astimezone(UTC).strftime(".user_env.%Y%m%dT%H%M%SZ")
    return Choices(name if _chosen(options, RESET) else "", _chosen(options, DEBUG))


def remembered(options: Mapping[str, JsonValue] | None) -> dict[str, JsonValue]:
    """Return the options to remember for the next start: a reset happens once.

    Anything else that a client has sent is dropped; it would stay in the hub's database.
    """
    return {name: value for name, value in (options or {}).items() if name in (SIZE, DEBUG)}


def _chosen(options: Mapping[str, JsonValue] | None, name: str) -> bool:
    value = (options or {}).get(name)
    if isinstance(value, list):
        value = value[-1] if value else None
    return str(value).lower() in _YES
