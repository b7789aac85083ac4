"""Human durations and sizes: ``15m``, ``4Gi``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

__all__ = ["Bytes", "Duration", "format_bytes", "format_duration", "parse_bytes", "parse_duration"]

_DURATION = r"(?:\d+(?:\.\d+)?[smhdw])+"
_SIZE = r"(\d+(?:\.\d+)?)\s*(k|M|G|T|Ki|Mi|Gi|Ti|)B?"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_POWERS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_POWERS |= {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def parse_duration(value: object) -> timedelta:
    """Read a duration.

    Parameters
    ----------
    value
        A `~datetime.timedelta`, a number of seconds, or a string such as ``90s``,
        ``15m``, ``1h30m``, ``14d``.

    Raises
    ------
    ValueError
        If it does not have this form, or is negative.
    """
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return timedelta(seconds=value)
    if isinstance(value, str) and re.fullmatch(_DURATION, value):
        pairs = re.findall(r"(\d+(?:\.\d+)?)([smhdw])", value)
        return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in pairs))
    raise ValueError(
        f"{value!r} is not a duration; write a number and a unit (s, m, h, d, w), such as 15m"
    )


def parse_bytes(value: object) -> int:
    """Read a size in bytes.

    Parameters
    ----------
    value
        An integer number of bytes, or a string such as ``512Mi``, ``4Gi``, ``2G``.

    Raises
    ------
    ValueError
        If it is neither, or not positive.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if isinstance(value, str):
        match = re.fullmatch(_SIZE, value)
        if match and float(match[1]) > 0:
            return int(float(match[1]) * _POWERS[match[2]])
    raise ValueError(
        f"{value!r} is not a size; write a number and a unit (Mi, Gi, Ti), such as 4Gi"
    )


def format_duration(value: timedelta) -> str:
    """Return a duration as people write it in ``platform.yaml``."""
    seconds = value.total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{int(seconds // length)}{unit}"
    return f"{seconds:.15g}s"


def format_bytes(value: int) -> str:
    """Return a size with the largest binary unit that divides it: ``4Gi``."""
    for unit in ("Ti", "Gi", "Mi", "Ki"):
        if value % _POWERS[unit] == 0:
            return f"{value // _POWERS[unit]}{unit}"
    return str(value)


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(timedelta.total_seconds, return_type=float, when_used="json"),
    WithJsonSchema(
        {
            "type": ["string", "number"],
            "pattern": rf"^{_DURATION}$",
            "minimum": 0,
            "examples": ["15m"],
        }
    ),
]
"""A duration; human in configuration, seconds in JSON."""

Bytes = Annotated[
    int,
    BeforeValidator(parse_bytes),
    WithJsonSchema(
        {
            "type": ["string", "integer"],
            "pattern": rf"^{_SIZE}$",
            "exclusiveMinimum": 0,
            "examples": ["4Gi"],
        }
    ),
]
"""A size in bytes; human in configuration, a number in JSON."""
