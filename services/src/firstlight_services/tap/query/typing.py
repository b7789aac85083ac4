"""Which types can be combined, and to what: ADQL's rules, plus truth values that are 0 and 1."""

from __future__ import annotations

from collections.abc import Iterable

from firstlight_services.tap.errors import QueryError
from firstlight_services.tap.models import Type
from firstlight_services.tap.query import tree

__all__ = [
    "alike",
    "as_condition",
    "as_number",
    "as_text",
    "as_value",
    "common",
    "compare",
    "together",
]


def as_value(value: tree.Value) -> tree.Value:
    """Return a value that is not a geometry.

    Raises
    ------
    QueryError
        ``not_supported`` if it is a point or a shape.
    """
    if value.type in (Type.POINT, Type.CIRCLE, Type.POLYGON):
        raise QueryError(
            "not_supported",
            "POINT, CIRCLE, POLYGON and BOX are only allowed in CONTAINS and INTERSECTS, and POINT "
            "in DISTANCE and shapes.",
            hint="Select the columns with the coordinates instead.",
        )
    return value


def as_condition(value: tree.Value) -> tree.Value:
    """Return a value that is true or false.

    Raises
    ------
    QueryError
        ``type_mismatch`` if it is a number or a string.
    """
    if as_value(value).type in (Type.BOOLEAN, Type.NULL):
        return value
    raise QueryError(
        "type_mismatch", "A condition is required here.", hint="Compare with something: x > 0."
    )


def as_number(value: tree.Value) -> tree.Value:
    """Return a value as a number; true is 1 and false is 0.

    Raises
    ------
    QueryError
        ``type_mismatch`` if it is a string.
    """
    if as_value(value).type is Type.BOOLEAN:
        return tree.Cast(Type.INT, value)
    if value.type.numeric or value.type is Type.NULL:
        return value
    raise QueryError("type_mismatch", "A number is required here, not a string.")


def as_text(value: tree.Value) -> tree.Value:
    """Return a value that is a string.

    Raises
    ------
    QueryError
        ``type_mismatch`` if it is not a string.
    """
    if as_value(value).type.text or value.type is Type.NULL:
        return value
    raise QueryError(
        "type_mismatch", "A string is required here.", hint="Strings take single quotes: 'text'."
    )


def common(values: Iterable[tree.Value]) -> Type:
    """Return the type that can hold each of the values.

    Raises
    ------
    QueryError
        ``type_mismatch`` if there is no such type.
    """
    result = Type.NULL
    for value in values:
        kind = as_value(value).type
        if result in (Type.NULL, kind):
            result = kind
        elif kind is Type.NULL:
            continue
        elif kind.numeric and result.numeric:
            result = result.wider(kind)
        elif kind.text and result.text:
            result = Type.UNICODE
        else:
            raise _mismatch(result, kind)
    return result


def alike(left: tree.Value, right: tree.Value) -> tuple[tree.Value, tree.Value]:
    """Return two values so that they can be compared.

    Notes
    -----
    Other sites' engines keep flags as 0 and 1, so people bring along queries that compare a truth
    value with a number: ``detect_isPrimary = 1``.
    """
    if as_value(left).type is Type.BOOLEAN and as_value(right).type.numeric:
        truth = _truth(right)
        return (left, truth) if truth else (tree.Cast(Type.INT, left), right)
    if right.type is Type.BOOLEAN and left.type.numeric:
        right, left = alike(right, left)
        return left, right
    common((left, right))
    return left, right


def together(values: Iterable[tree.Value]) -> tuple[tree.Value, ...]:
    """Return values that share a type: truth values among numbers become 1 and 0.

    Raises
    ------
    QueryError
        ``type_mismatch`` if they cannot be combined.
    """
    found = tuple(as_value(one) for one in values)
    kinds = {one.type for one in found}
    if Type.BOOLEAN in kinds and any(kind.numeric for kind in kinds):
        found = tuple(as_number(one) for one in found)
    common(found)
    return found


def compare(operator: str, left: tree.Value, right: tree.Value) -> tree.Value:
    """Return a comparison; one with a truth value becomes the plain condition or its negation."""
    left, right = alike(left, right)
    if isinstance(left, tree.Constant) and not isinstance(right, tree.Constant):
        operator = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(operator, operator)
        left, right = right, left
    if left.type is Type.BOOLEAN and operator in ("=", "<>") and isinstance(right, tree.Constant):
        if right.value is (operator == "="):
            return left
        if right.value is not None:
            return tree.Not(Type.BOOLEAN, left)
    return tree.Comparison(Type.BOOLEAN, operator, left, right)


def _truth(value: tree.Value) -> tree.Constant | None:
    if isinstance(value, tree.Constant) and value.value in (0, 1):
        return tree.Constant(Type.BOOLEAN, bool(value.value))
    return None


def _mismatch(one: Type, other: Type) -> QueryError:
    kinds = {_kind(one), _kind(other)}
    hint = ""
    if kinds == {"a string", "a truth value"}:
        hint = "Truth values are 1 and 0, or are used on their own: WHERE clean = 1, WHERE clean."
    elif kinds == {"a string", "a number"}:
        hint = "Write numbers without quotes, strings with single quotes."
    return QueryError(
        "type_mismatch",
        f"{' and '.join(sorted(kinds))} cannot be combined.".capitalize(),
        hint=hint,
    )


def _kind(kind: Type) -> str:
    if kind.numeric:
        return "a number"
    return "a truth value" if kind is Type.BOOLEAN else "a string"
