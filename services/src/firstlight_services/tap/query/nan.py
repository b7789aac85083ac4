"""Where a floating-point value may be NaN, which ADQL does not have: there, it counts as NULL.

Inside of arithmetic NaN does what NULL does: whatever is calculated with it is NaN. So it needs a
guard only where a value leaves arithmetic: in comparisons, lists, ranges, aggregates, GROUP BY,
ORDER BY, COALESCE, results, and the few functions that make a number of it. `NanGuards.guarded` is
that guard; `firstlight_services.tap.query.lower` puts it there.

Infinity is a number: the result of an overflow, greater than every other number. Tables may have
infinite values, but no NaN, which the loader makes NULL.
"""

from __future__ import annotations

import math

from firstlight_services.tap.models import Type
from firstlight_services.tap.query import tree

__all__ = ["NanGuards"]

_FLOATING = (Type.FLOAT, Type.DOUBLE)

_PASSES = frozenset(
    [
        "ABS",
        "ATAN",
        "ATAN2",
        "CEILING",
        "DEGREES",
        "FLOOR",
        "LEAST",
        "PI",
        "RADIANS",
        "RAND",
        "ROUND",
        "SIGN",
        "TRUNCATE",
    ]
)
"""Functions that return NaN only if they are given it."""

_NEVER = frozenset({"COALESCE", "COUNT", "MAX", "MIN"})
"""Functions that never return NaN, since `lower` guards what they are given."""


class NanGuards:
    """Guards the values of one query; each is looked at once, however deep it is nested."""

    def __init__(self) -> None:
        # By identity; the values are kept, so that no other one gets their address.
        self._known: dict[int, tuple[tree.Value, bool]] = {}

    def guarded(self, value: tree.Value) -> tree.Value:
        """Return a lowered value, NULL instead of NaN."""
        if self.may_be_nan(value):
            return tree.NanToNull(value.type, value)
        return value

    def trust(self, value: tree.Value) -> tree.Value:
        """Return a lowered value, from now on known not to be NaN."""
        self._known[id(value)] = (value, False)
        return value

    def may_be_nan(self, value: tree.Value) -> bool:
        """Return whether a lowered value may be NaN."""
        if value.type not in _FLOATING:
            return False
        known = self._known.get(id(value))
        if known is None:
            known = self._known[id(value)] = (value, self._may_be_nan(value))
        return known[1]

    def _may_be_nan(self, value: tree.Value) -> bool:
        match value:
            case tree.Constant() | tree.ColumnRef() | tree.NanToNull() | tree.Scalar():
                return False
            case tree.Negation(operand=operand) | tree.Cast(operand=operand):
                return self.may_be_nan(operand)
            case tree.NullIf(operand=operand):
                return self.may_be_nan(operand)
            case tree.Case(branches=branches, otherwise=otherwise):
                results = [then for _, then in branches]
                return any(map(self.may_be_nan, (*results, *([otherwise] if otherwise else ()))))
            case tree.Call(name=name, arguments=arguments):
                if name in _NEVER:
                    return False
                return name not in _PASSES or any(map(self.may_be_nan, arguments))
            case tree.Arithmetic(operator="+" | "-" | "*", left=left, right=right):
                return self._combined(left, right)
            case tree.Divide(left=left, right=right) if _is_ordinary(right):
                return self.may_be_nan(left)
            case tree.Divide(left=left, right=right):
                # By zero it is NULL already, so that of integers nothing is left to guard.
                return left.type in _FLOATING or right.type in _FLOATING
        return True

    def _combined(self, left: tree.Value, right: tree.Value) -> bool:
        """Return whether a sum or product may be NaN: with an ordinary number, infinity is not."""
        if _is_ordinary(left):
            return self.may_be_nan(right)
        if _is_ordinary(right):
            return self.may_be_nan(left)
        return left.type in _FLOATING or right.type in _FLOATING


def _is_ordinary(value: tree.Value) -> bool:
    """Return whether a value is a constant other than zero."""
    if not isinstance(value, tree.Constant) or isinstance(value.value, str | None):
        return False
    return value.value != 0 and math.isfinite(value.value)
