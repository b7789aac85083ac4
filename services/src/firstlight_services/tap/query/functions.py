"""The functions that a query may use; any other is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from firstlight_services.tap.models import Type

__all__ = [
    "AGGREGATES",
    "FUNCTIONS",
    "GEOMETRY",
    "INSTEAD",
    "Function",
    "known_names",
]

_FLOATING = Type.DOUBLE


@dataclass(frozen=True, slots=True)
class Function:
    """What a function takes and returns.

    Attributes
    ----------
    takes
        One letter per argument: ``n`` a number, ``i`` an integer, ``t`` a string, ``v`` any value.
    least
        How many of them are required.
    gives
        The type of the result; None if it is that of the arguments.
    repeats
        Whether the last argument may be repeated.
    """

    takes: str
    least: int
    gives: Type | None
    repeats: bool = False


def _all(names: str, words: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), words)


def _numbers(names: str, count: int = 1) -> dict[str, Function]:
    return {name: Function("n" * count, count, _FLOATING) for name in names.split()}


FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        **_numbers("ACOS ASIN ATAN COS COT SIN TAN DEGREES RADIANS"),
        **_numbers("CEILING EXP FLOOR LOG LOG10 SQRT"),
        **_numbers("ATAN2 POWER", 2),
        "ABS": Function("n", 1, None),
        "MOD": Function("nn", 2, None),
        "PI": Function("", 0, _FLOATING),
        "RAND": Function("", 0, _FLOATING),
        "ROUND": Function("ni", 1, _FLOATING),
        "TRUNCATE": Function("ni", 1, _FLOATING),
        "LOWER": Function("t", 1, None),
        "UPPER": Function("t", 1, None),
        "COALESCE": Function("v", 1, None, repeats=True),
        # nJy to AB magnitude: Rubin's queries use it, since Qserv has it.
        "SCISQL_NANOJANSKYTOABMAG": Function("n", 1, _FLOATING),
    }
)
"""ADQL 2.1, section 2.3 (mathematical, trigonometric) and 4 (optional string functions)."""

AGGREGATES: Mapping[str, Function] = MappingProxyType(
    {
        "COUNT": Function("v", 1, Type.LONG),
        "AVG": Function("n", 1, _FLOATING),
        "SUM": Function("n", 1, None),
        "MIN": Function("v", 1, None),
        "MAX": Function("v", 1, None),
    }
)
"""The set functions of ADQL 2.1, by name."""

GEOMETRY = frozenset({"POINT", "CIRCLE", "POLYGON", "BOX", "CONTAINS", "INTERSECTS", "DISTANCE"})
"""The geometry of ADQL 2.1, section 4.2, that is supported."""

_SHAPES = (
    "The shapes are CIRCLE, POLYGON and BOX: "
    "CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 62.0, -37.0, 0.05)) = 1"
)
_STATISTICS = "The aggregates are COUNT, SUM, AVG, MIN and MAX; for others, fetch the column."

INSTEAD: Mapping[str, str] = MappingProxyType(
    {
        **_all("REGION AREA CENTROID COORD1 COORD2 COORDSYS", _SHAPES),
        **_all("MEDIAN PERCENTILE PERCENTILE_CONT PERCENTILE_DISC QUANTILE", _STATISTICS),
        **_all("STD STDDEV STDDEV_POP STDDEV_SAMP VARIANCE VAR_POP VAR_SAMP", _STATISTICS),
        "CEIL": "Write CEILING(x).",
        "CONCAT": "Concatenate strings with ||: a || b.",
        "LN": "Write LOG(x) for the natural logarithm, LOG10(x) for the logarithm to base 10.",
        "POW": "Write POWER(a, b).",
    }
)
"""What to write instead of functions that people know from elsewhere."""


def known_names() -> tuple[str, ...]:
    """Return the names of all functions."""
    return (*FUNCTIONS, *AGGREGATES, *GEOMETRY)
