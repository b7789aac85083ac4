"""The parser: from a query's text to its syntax tree."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import TypedDict

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from firstlight_services.tap.adql import ast
from firstlight_services.tap.adql.hints import RESERVED, explain_character, explain_token
from firstlight_services.tap.errors import QueryError
from firstlight_services.tap.stopping import checkpoint

__all__ = ["LONGEST_QUERY", "parse"]

LONGEST_QUERY = 100_000
"""Characters: far more than people write, and few enough to be parsed quickly."""

_DEEPEST = 200
_LONGEST_INTEGER = 400
_MOST_ROWS = 10**18


def parse(text: str) -> ast.Select:
    """Parse a query.

    Parameters
    ----------
    text
        ADQL 2.1.

    Returns
    -------
    ast.Select
        The syntax tree.

    Raises
    ------
    QueryError
        ``adql_syntax``, with line, column and, for common mistakes, how to write it.
    """
    if not text.strip():
        raise QueryError("adql_syntax", "The query is empty.", hint="Start with SELECT.")
    if len(text) > LONGEST_QUERY:
        raise QueryError("too_long", f"The query is longer than {LONGEST_QUERY} characters.")
    if _depth(text) > _DEEPEST:
        raise QueryError("too_deep", f"Parentheses are nested deeper than {_DEEPEST}.")
    if "\0" in text:
        raise QueryError("adql_syntax", "The query contains a NUL character.")
    try:
        tree: ast.Select = _parser().parse(text)
    except _ReservedWordError as error:
        raise explain_token(text, _position(error.token), error.token, ()) from None
    except UnexpectedToken as error:
        token = error.token
        position = _end(text) if token.type == "$END" else _position(token)
        raise explain_token(text, position, token, error.accepts or error.expected) from None
    except UnexpectedCharacters as error:
        position = ast.Position(error.line, error.column)
        raise explain_character(text, position, text[error.pos_in_stream]) from None
    except UnexpectedInput:
        raise explain_token(text, _end(text), Token("$END", ""), ()) from None
    return tree


class _ReservedWordError(Exception):
    """A keyword was read where a name is expected."""

    def __init__(self, token: Token) -> None:
        super().__init__(str(token))
        self.token = token


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in text:
        if character == "(":
            depth += 1
            deepest = max(deepest, depth)
        elif character == ")":
            depth -= 1
    return deepest


def _end(text: str) -> ast.Position:
    lines = text.rstrip().split("\n")
    return ast.Position(len(lines), len(lines[-1]) + 1)


def _position(token: Token) -> ast.Position:
    return ast.Position(token.line or 1, token.column or 1)


class _Clauses(TypedDict, total=False):
    """Clauses of a query, by their names in `ast.Select`."""

    items: tuple[ast.Item, ...]
    source: ast.TableExpression
    distinct: bool
    top: int
    where: ast.Expression
    group_by: tuple[ast.Expression, ...]
    having: ast.Expression
    order_by: tuple[ast.Ordering, ...]
    offset: int


_Names = tuple[ast.Name, ...]
_Branch = tuple[ast.Expression, ast.Expression]
_JoinRule = tuple[ast.Expression | None, _Names]


@v_args(inline=True)
class _Build(Transformer):  # type: ignore[type-arg,unused-ignore]
    """Builds the tree while the text is parsed; each method is a rule of the grammar."""

    # --- query

    def start(self, query: ast.Select) -> ast.Select:
        return query

    def select(self, *clauses: _Clauses) -> ast.Select:
        merged: _Clauses = {}
        for clause in clauses:
            merged.update(clause)
        return ast.Select(**merged)

    def distinct(self) -> _Clauses:
        return {"distinct": True}

    def all_rows(self) -> _Clauses:
        return {"distinct": False}

    def top(self, count: Token) -> _Clauses:
        return {"top": _row_count(count)}

    def offset(self, count: Token) -> _Clauses:
        return {"offset": _row_count(count)}

    def items(self, *items: ast.Item) -> _Clauses:
        return {"items": items}

    def star(self) -> ast.Item:
        return ast.Item(ast.Star())

    def qualified_star(self, qualifier: _Names) -> ast.Item:
        return ast.Item(ast.Star(qualifier))

    def item(self, expression: ast.Expression, alias: ast.Name | None = None) -> ast.Item:
        return ast.Item(expression, alias)

    def where(self, condition: ast.Expression) -> _Clauses:
        return {"where": condition}

    def group(self, *keys: ast.Expression) -> _Clauses:
        return {"group_by": keys}

    def having(self, condition: ast.Expression) -> _Clauses:
        return {"having": condition}

    def order(self, *orderings: ast.Ordering) -> _Clauses:
        return {"order_by": orderings}

    def ordering(self, expression: ast.Expression, descending: bool = False) -> ast.Ordering:
        return ast.Ordering(expression, descending)

    def ascending(self) -> bool:
        return False

    def descending(self) -> bool:
        return True

    # --- tables

    def from_(self, source: ast.TableExpression) -> _Clauses:
        return {"source": source}

    def sources(
        self, first: ast.TableExpression, *others: ast.TableExpression
    ) -> ast.TableExpression:
        for other in others:
            first = ast.Join("CROSS", first, other)
        return first

    def table(self, names: _Names, alias: ast.Name | None = None) -> ast.Table:
        return ast.Table(names, alias)

    def subquery_table(self, query: ast.Select, alias: ast.Name) -> ast.SubqueryTable:
        return ast.SubqueryTable(query, alias)

    def grouped(self, source: ast.TableExpression) -> ast.TableExpression:
        return source

    def join(
        self,
        left: ast.TableExpression,
        kind: str | None,
        right: ast.TableExpression,
        rule: _JoinRule | None,
    ) -> ast.Join:
        condition, using = rule or (None, ())
        return ast.Join(kind or "INNER", left, right, condition, using)

    def inner(self) -> str:
        return "INNER"

    def left(self) -> str:
        return "LEFT"

    def right(self) -> str:
        return "RIGHT"

    def full(self) -> str:
        return "FULL"

    def cross(self) -> str:
        return "CROSS"

    def on(self, condition: ast.Expression) -> _JoinRule:
        return condition, ()

    def using(self, *names: ast.Name) -> _JoinRule:
        return None, names

    # --- expressions

    def or_(self, left: ast.Expression, right: ast.Expression) -> ast.Binary:
        return ast.Binary("OR", left, right)

    def and_(self, left: ast.Expression, right: ast.Expression) -> ast.Binary:
        return ast.Binary("AND", left, right)

    def not_(self, operand: ast.Expression) -> ast.Unary:
        return ast.Unary("NOT", operand)

    def compare(self, left: ast.Expression, operator: Token, right: ast.Expression) -> ast.Binary:
        return ast.Binary("<>" if operator == "!=" else str(operator), left, right)

    def between(
        self,
        operand: ast.Expression,
        negated: Token | None,
        low: ast.Expression,
        high: ast.Expression,
    ) -> ast.Between:
        return ast.Between(operand, low, high, negated is not None)

    def in_list(
        self, operand: ast.Expression, negated: Token | None, *choices: ast.Expression
    ) -> ast.In:
        return ast.In(operand, choices, negated is not None)

    def in_query(self, operand: ast.Expression, negated: Token | None, query: ast.Select) -> ast.In:
        return ast.In(operand, query, negated is not None)

    def like(
        self, operand: ast.Expression, negated: Token | None, pattern: ast.Expression
    ) -> ast.Like:
        return ast.Like(operand, pattern, negated is not None, ignores_case=False)

    def ilike(
        self, operand: ast.Expression, negated: Token | None, pattern: ast.Expression
    ) -> ast.Like:
        return ast.Like(operand, pattern, negated is not None, ignores_case=True)

    def is_null(self, operand: ast.Expression, negated: Token | None) -> ast.IsNull:
        return ast.IsNull(operand, negated is not None)

    def exists(self, query: ast.Select) -> ast.Exists:
        return ast.Exists(query)

    def binary(self, left: ast.Expression, operator: Token, right: ast.Expression) -> ast.Binary:
        return ast.Binary(str(operator), left, right)

    def times(self, left: ast.Expression, right: ast.Expression) -> ast.Binary:
        return ast.Binary("*", left, right)

    def unary(self, sign: Token, operand: ast.Expression) -> ast.Expression:
        if isinstance(operand, ast.Literal) and isinstance(operand.value, int | float):
            return ast.Literal(-operand.value if sign == "-" else operand.value)
        return ast.Unary(str(sign), operand)

    def column(self, names: _Names) -> ast.Column:
        return ast.Column(names)

    def subquery(self, query: ast.Select) -> ast.Subquery:
        return ast.Subquery(query)

    def case(self, branches: tuple[_Branch, ...], otherwise: ast.Expression | None) -> ast.Case:
        return ast.Case(branches, otherwise)

    def branches(self, *branches: _Branch) -> tuple[_Branch, ...]:
        return branches

    def branch(self, when: ast.Expression, then: ast.Expression) -> _Branch:
        return when, then

    def else_(self, otherwise: ast.Expression) -> ast.Expression:
        return otherwise

    def no_arguments(self, name: ast.Name) -> ast.Function:
        return ast.Function(name.text.upper(), (), False, name.position)

    def star_argument(self, name: ast.Name) -> ast.Function:
        return ast.Function(name.text.upper(), (ast.Star(),), False, name.position)

    def arguments(
        self, name: ast.Name, quantifier: _Clauses | None, *arguments: ast.Expression
    ) -> ast.Function:
        distinct = quantifier is not None and quantifier["distinct"]
        return ast.Function(name.text.upper(), arguments, distinct, name.position)

    # --- literals and names

    def integer(self, token: Token) -> ast.Literal:
        checkpoint()
        # Python refuses to read thousands of digits; numbers far beyond 64 bits are refused later.
        digits = str(token)
        return ast.Literal(int(digits) if len(digits) <= _LONGEST_INTEGER else math.inf)

    def real(self, token: Token) -> ast.Literal:
        checkpoint()
        return ast.Literal(float(token))

    def string(self, *parts: Token) -> ast.Literal:
        checkpoint()
        return ast.Literal("".join(part[1:-1].replace("''", "'") for part in parts))

    def null(self) -> ast.Literal:
        return ast.Literal(None)

    def true(self) -> ast.Literal:
        return ast.Literal(True)

    def false(self) -> ast.Literal:
        return ast.Literal(False)

    def qualified(self, prefix: _Names | None, name: ast.Name) -> _Names:
        return (*(prefix or ()), name)

    prefix = qualified

    def plain_name(self, token: Token) -> ast.Name:
        # Whatever is long has many names or literals in it.
        checkpoint()
        # The lexer knows keywords only where they are expected; elsewhere they look like names.
        if token.upper() in RESERVED:
            raise _ReservedWordError(token)
        return ast.Name(str(token), False, _position(token))

    def quoted_name(self, token: Token) -> ast.Name:
        return ast.Name(token[1:-1].replace('""', '"'), True, _position(token))


def _row_count(digits: Token) -> int:
    """Read a number of rows, and cap it at what every engine can count to."""
    return _MOST_ROWS if len(digits) > len(str(_MOST_ROWS)) else min(int(digits), _MOST_ROWS)


@cache
def _parser() -> Lark:
    grammar = (Path(__file__).parent / "grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", transformer=_Build(), maybe_placeholders=True)
