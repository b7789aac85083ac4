"""Expressions: from the syntax tree to values of known types."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import singledispatchmethod

from firstlight_services.tap.adql import ast
from firstlight_services.tap.errors import QueryError, nearest
from firstlight_services.tap.models import Type
from firstlight_services.tap.query import tree
from firstlight_services.tap.query.functions import (
    AGGREGATES,
    FUNCTIONS,
    GEOMETRY,
    INSTEAD,
    Function,
    known_names,
)
from firstlight_services.tap.query.geometry import geometry
from firstlight_services.tap.query.scope import Scope
from firstlight_services.tap.query.size import QuerySize
from firstlight_services.tap.query.typing import (
    as_condition,
    as_number,
    as_text,
    as_value,
    common,
    compare,
    together,
)
from firstlight_services.tap.stopping import checkpoint

__all__ = ["Expressions"]

_LARGEST = 2**63 - 1


class Expressions:
    """Resolves the expressions of one query.

    Parameters
    ----------
    scope
        What names mean in this query.
    subquery
        Resolves a subquery of this query.
    size
        Counts what the whole query consists of.

    Attributes
    ----------
    scope
        As given.
    """

    def __init__(
        self,
        scope: Scope,
        subquery: Callable[[ast.Select, Scope], tree.Query],
        size: QuerySize,
    ) -> None:
        self.scope = scope
        self._subquery = subquery
        self._size = size
        # By identity, so that the levels of an expression do not each search all below them.
        self._without_position: set[int] = set()

    def value(self, expression: ast.Expression) -> tree.Value:
        """Resolve an expression; an error states its position in the query.

        Raises
        ------
        QueryError
            ``unknown_column``, ``unknown_function``, ``type_mismatch`` …
        """
        checkpoint()
        try:
            return self._value(expression)
        except QueryError as error:
            position = self._position(expression)
            # The innermost invalid expression has stated its position already.
            if position is None or "\n" in error.message:
                raise
            raise error.shown_in(self.scope.text, position) from None

    def condition(self, expression: ast.Expression) -> tree.Value:
        """Resolve an expression that must be true or false."""
        return self._as(as_condition, expression)

    def _as(
        self, check: Callable[[tree.Value], tree.Value], expression: ast.Expression
    ) -> tree.Value:
        value = self.value(expression)
        try:
            return check(value)
        except QueryError as error:
            position = self._position(expression)
            raise (error.shown_in(self.scope.text, position) if position else error) from None

    @singledispatchmethod
    def _value(self, expression: ast.Expression) -> tree.Value:
        raise TypeError(type(expression))

    @_value.register
    def _(self, expression: ast.Literal) -> tree.Value:
        value = expression.value
        match value:
            case None:
                return tree.Constant(Type.NULL, None)
            case bool():
                return tree.Constant(Type.BOOLEAN, value)
            case str():
                return tree.Constant(Type.CHAR if value.isascii() else Type.UNICODE, value)
            case int() if abs(value) <= _LARGEST:
                return tree.Constant(Type.LONG if abs(value) >= 2**31 else Type.INT, value)
        # Integers beyond 64 bits are read as approximate numbers.
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise QueryError("out_of_range", "A number in the query is too large.")
        return tree.Constant(Type.DOUBLE, number)

    @_value.register
    def _(self, expression: ast.Column) -> tree.Value:
        return self.scope.column(expression.names)

    @_value.register
    def _(self, expression: ast.Unary) -> tree.Value:
        if expression.operator == "NOT":
            return tree.Not(Type.BOOLEAN, self.condition(expression.operand))
        operand = self._as(as_number, expression.operand)
        if expression.operator == "+":
            return operand
        return tree.Negation(_or_else(operand.type, Type.INT), operand)

    @_value.register
    def _(self, expression: ast.Binary) -> tree.Value:
        operator = expression.operator
        if operator in ("AND", "OR"):
            operands = tuple(self.condition(one) for one in _chain(operator, expression))
            return tree.Logical(Type.BOOLEAN, operator, operands)
        if operator in ("=", "<>", "<", "<=", ">", ">="):
            return compare(operator, self.value(expression.left), self.value(expression.right))
        check = as_text if operator == "||" else as_number
        left, right = self._as(check, expression.left), self._as(check, expression.right)
        if operator == "/":
            # As in Rubin's own service, 1/2 is a half.
            return tree.Divide(Type.DOUBLE, left, right)
        kind = _or_else(common((left, right)), Type.CHAR if operator == "||" else Type.INT)
        if kind is Type.FLOAT:
            kind = Type.DOUBLE
        elif kind.integral:
            kind = Type.LONG
        return tree.Arithmetic(kind, operator, left, right)

    @_value.register
    def _(self, expression: ast.Between) -> tree.Value:
        parts = (expression.operand, expression.low, expression.high)
        operand, low, high = together(self.value(one) for one in parts)
        return _unless(expression.negated, tree.Between(Type.BOOLEAN, operand, low, high))

    @_value.register
    def _(self, expression: ast.In) -> tree.Value:
        operand = self.value(expression.operand)
        found: tree.Value
        if isinstance(expression.choices, ast.Select):
            query = self._column_of(expression.choices)
            common((operand, query.outputs[0].value))
            found = tree.InQuery(Type.BOOLEAN, operand, query)
        else:
            choices = (self.value(one) for one in expression.choices)
            operand, *others = together((operand, *choices))
            found = tree.InList(Type.BOOLEAN, operand, tuple(others))
        return _unless(expression.negated, found)

    @_value.register
    def _(self, expression: ast.Like) -> tree.Value:
        operand = self._as(as_text, expression.operand)
        pattern = self._as(as_text, expression.pattern)
        like = tree.Like(Type.BOOLEAN, operand, pattern, expression.ignores_case)
        return _unless(expression.negated, like)

    @_value.register
    def _(self, expression: ast.IsNull) -> tree.Value:
        operand = as_value(self.value(expression.operand))
        return _unless(expression.negated, tree.IsNull(Type.BOOLEAN, operand))

    @_value.register
    def _(self, expression: ast.Exists) -> tree.Value:
        return tree.Exists(Type.BOOLEAN, self._subquery(expression.query, self.scope))

    @_value.register
    def _(self, expression: ast.Subquery) -> tree.Value:
        query = self._column_of(expression.query)
        return tree.Scalar(query.outputs[0].value.type, query)

    @_value.register
    def _(self, expression: ast.Case) -> tree.Value:
        conditions = [self.condition(when) for when, _ in expression.branches]
        results = [self.value(then) for _, then in expression.branches]
        if expression.otherwise:
            results.append(self.value(expression.otherwise))
        thens = together(results)
        otherwise = thens[-1] if expression.otherwise else None
        branches = tuple(zip(conditions, thens, strict=False))
        return tree.Case(common(thens), branches, otherwise)

    @_value.register
    def _(self, expression: ast.Function) -> tree.Value:
        name = expression.name
        known = FUNCTIONS.get(name) or AGGREGATES.get(name)
        if known is None and name not in GEOMETRY:
            raise QueryError(
                "unknown_function",
                f"There is no function {name}.",
                hint=INSTEAD.get(name)
                or nearest(name, known_names())
                or "The service's capabilities list the available functions.",
            )
        if expression.distinct and name not in AGGREGATES:
            raise QueryError("bad_arguments", f"{name} does not take DISTINCT.")
        plain = [one for one in expression.arguments if not isinstance(one, ast.Star)]
        if len(plain) < len(expression.arguments):
            if name != "COUNT":
                raise QueryError("bad_arguments", f"Only COUNT takes *, not {name}.")
            return tree.Call(Type.LONG, name, (), aggregate=True, position=expression.position)
        if known is None:
            return geometry(name, tuple(self.value(one) for one in plain), self._size)
        return self._call(expression, known, plain)

    def _call(
        self, expression: ast.Function, known: Function, arguments: list[ast.Expression]
    ) -> tree.Value:
        name = expression.name
        if expression.distinct:
            self._size.distinct()
        most = math.inf if known.repeats else len(known.takes)
        if not known.least <= len(arguments) <= most:
            counts = " or ".join(dict.fromkeys((str(known.least), str(len(known.takes)))))
            expected = f"at least {known.least}" if known.repeats else counts
            raise QueryError(
                "bad_arguments", f"{name} takes {expected} arguments, not {len(arguments)}."
            )
        takes = known.takes.ljust(len(arguments), known.takes[-1:] or " ")
        checks = {"n": as_number, "i": _as_integer, "t": as_text, "v": as_value}
        values = tuple(
            self._as(checks[letter], one) for letter, one in zip(takes, arguments, strict=False)
        )
        if name == "COALESCE":
            values = together(values)
        kind = known.gives or common(values)
        if known.takes[:1] in ("n", "t"):
            kind = _or_else(kind, Type.CHAR if known.takes[0] == "t" else Type.DOUBLE)
        if name == "SUM":
            kind = Type.LONG if kind.integral else Type.DOUBLE
        aggregate = name in AGGREGATES
        return tree.Call(kind, name, values, aggregate, expression.distinct, expression.position)

    def _position(self, part: ast.Part) -> ast.Position | None:
        """Return the first position in the query that a part of the syntax tree knows."""
        pending = [part]
        while pending:
            one = pending.pop()
            if isinstance(one, ast.Position):
                return one
            if isinstance(one, ast.Function):
                return one.position
            if isinstance(one, tuple):
                pending.extend(reversed(one))
            elif isinstance(one, ast.Node) and id(one) not in self._without_position:
                pending.extend(getattr(one, known.name) for known in reversed(fields(one)))
        self._without_position.add(id(part))
        return None

    def _column_of(self, query: ast.Select) -> tree.Query:
        resolved = self._subquery(query, self.scope)
        if len(resolved.outputs) != 1:
            raise QueryError(
                "bad_subquery",
                f"A subquery used as a value must have one column, not {len(resolved.outputs)}.",
            )
        return resolved


def _as_integer(value: tree.Value) -> tree.Value:
    if not (as_number(value).type.integral or value.type is Type.NULL):
        raise QueryError("type_mismatch", "An integer is required here.")
    return value


def _or_else(kind: Type, known: Type) -> Type:
    """Return a type, or another one in place of the type of NULL."""
    return known if kind is Type.NULL else kind


def _unless(negated: bool, value: tree.Value) -> tree.Value:
    return tree.Not(Type.BOOLEAN, value) if negated else value


def _chain(operator: str, expression: ast.Expression) -> Iterable[ast.Expression]:
    """Return the operands of ``a AND b AND c …``, however many, without recursion."""
    links: list[ast.Expression] = []
    while isinstance(expression, ast.Binary) and expression.operator == operator:
        links.append(expression.right)
        expression = expression.left
    return reversed([*links, expression])
