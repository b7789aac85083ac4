"""Text to syntax tree, and what to say when the text is not ADQL."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from firstlight_services.tap.adql import ast
from firstlight_services.tap.adql.hints import RESERVED, explain_character, explain_token
from firstlight_services.tap.errors import QueryError

__all__ = ["LONGEST_QUERY", "parse"]

LONGEST_QUERY = 100_000
"""Characters; far more than people write, far less than it takes to keep the parser busy."""

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
        ``adql_syntax``, with line, column and, for common slips, how to write it.
    """
    if not text.strip():
        raise QueryError("adql_syntax", "The query is empty.", hint="Start with SELECT.")
    if len(text) > LONGEST_QUERY:
        raise QueryError("too_long", f"The query is longer than {LONGEST_QUERY} characters.")
    if _depth(text) > _DEEPEST:
        raise QueryError("too_deep", f"Parentheses are nested deeper than {_DEEPEST}.")
    if "\0" in text:
        raise QueryError("adql_syntax", "The query has a NUL character in it.")
    try:
        tree: ast.Select = _parser().parse(text)
    except _ReservedWordError as error:
        raise explain_token(text, _position(error.token), error.token, ()) from None
    except UnexpectedToken as error:
        token = error.token
        place = _end(text) if token.type == "$END" else _position(token)
        raise explain_token(text, place, token, error.accepts or error.expected) from None
    except UnexpectedCharacters as error:
        place = ast.Position(error.line, error.column)
        raise explain_character(text, place, text[error.pos_in_stream]) from None
    except UnexpectedInput:
        raise explain_token(text, _end(text), Token("$END", ""), ()) from None
    return tree


class _ReservedWordError(Exception):
    """A keyword where a name was read."""

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


class _Build(Transformer[Token, Any]):
    """Builds the tree while the text is parsed; each method is a rule of the grammar."""

    # --- query

    def start(self, children: list[Any]) -> ast.Select:
        return children[0]

    def select(self, children: list[Any]) -> ast.Select:
        parts: dict[str, Any] = {}
        for child in children:
            parts[child[0]] = child[1]
        return ast.Select(parts.pop("items"), parts.pop("source", None), **parts)

    def distinct(self, _: list[Any]) -> tuple[str, bool]:
        return "distinct", True

    def all_rows(self, _: list[Any]) -> tuple[str, bool]:
        return "distinct", False

    def top(self, children: list[Token]) -> tuple[str, int]:
        return "top", _row_count(children[0])

    def offset(self, children: list[Token]) -> tuple[str, int]:
        return "offset", _row_count(children[0])

    def items(self, children: list[ast.Item]) -> tuple[str, tuple[ast.Item, ...]]:
        return "items", tuple(children)

    def star(self, _: list[Any]) -> ast.Item:
        return ast.Item(ast.Star())

    def qualified_star(self, children: list[Any]) -> ast.Item:
        return ast.Item(ast.Star(children[0]))

    def item(self, children: list[Any]) -> ast.Item:
        return ast.Item(*children)

    def where(self, children: list[Any]) -> tuple[str, ast.Expression]:
        return "where", children[0]

    def group(self, children: list[Any]) -> tuple[str, tuple[ast.Expression, ...]]:
        return "group_by", tuple(children)

    def having(self, children: list[Any]) -> tuple[str, ast.Expression]:
        return "having", children[0]

    def order(self, children: list[Any]) -> tuple[str, tuple[ast.Ordering, ...]]:
        return "order_by", tuple(children)

    def ordering(self, children: list[Any]) -> ast.Ordering:
        return ast.Ordering(children[0], descending=children[1:] == ["DESC"])

    def ascending(self, _: list[Any]) -> str:
        return "ASC"

    def descending(self, _: list[Any]) -> str:
        return "DESC"

    # --- tables

    def from_(self, children: list[Any]) -> tuple[str, ast.TableExpression]:
        return "source", children[0]

    def sources(self, children: list[ast.TableExpression]) -> ast.TableExpression:
        first, *others = children
        for other in others:
            first = ast.Join("CROSS", first, other)
        return first

    def table(self, children: list[Any]) -> ast.Table:
        return ast.Table(*children)

    def subquery_table(self, children: list[Any]) -> ast.SubqueryTable:
        return ast.SubqueryTable(children[0], children[1])

    def grouped(self, children: list[Any]) -> ast.TableExpression:
        return children[0]

    def join(self, children: list[Any]) -> ast.Join:
        left, *middle = children
        kind = middle.pop(0) if isinstance(middle[0], str) else "INNER"
        right, *rule = middle
        on, using = rule[0] if rule else (None, ())
        return ast.Join(kind, left, right, on, using)

    def inner(self, _: list[Any]) -> str:
        return "INNER"

    def left(self, _: list[Any]) -> str:
        return "LEFT"

    def right(self, _: list[Any]) -> str:
        return "RIGHT"

    def full(self, _: list[Any]) -> str:
        return "FULL"

    def cross(self, _: list[Any]) -> str:
        return "CROSS"

    def on(self, children: list[Any]) -> tuple[ast.Expression, tuple[ast.Name, ...]]:
        return children[0], ()

    def using(self, children: list[Any]) -> tuple[None, tuple[ast.Name, ...]]:
        return None, tuple(children)

    # --- expressions

    def or_(self, children: list[Any]) -> ast.Binary:
        return ast.Binary("OR", *children)

    def and_(self, children: list[Any]) -> ast.Binary:
        return ast.Binary("AND", *children)

    def not_(self, children: list[Any]) -> ast.Unary:
        return ast.Unary("NOT", children[0])

    def compare(self, children: list[Any]) -> ast.Binary:
        left, operator, right = children
        return ast.Binary("<>" if operator == "!=" else str(operator), left, right)

    def between(self, children: list[Any]) -> ast.Between:
        operand, negated, (low, high) = _negatable(children)
        return ast.Between(operand, low, high, negated)

    def in_list(self, children: list[Any]) -> ast.In:
        operand, negated, choices = _negatable(children)
        return ast.In(operand, tuple(choices), negated)

    def in_query(self, children: list[Any]) -> ast.In:
        operand, negated, (query,) = _negatable(children)
        return ast.In(operand, query, negated)

    def like(self, children: list[Any]) -> ast.Like:
        operand, negated, (pattern,) = _negatable(children)
        return ast.Like(operand, pattern, negated, ignores_case=False)

    def ilike(self, children: list[Any]) -> ast.Like:
        operand, negated, (pattern,) = _negatable(children)
        return ast.Like(operand, pattern, negated, ignores_case=True)

    def is_null(self, children: list[Any]) -> ast.IsNull:
        operand, negated, _ = _negatable(children)
        return ast.IsNull(operand, negated)

    def exists(self, children: list[Any]) -> ast.Exists:
        return ast.Exists(children[0])

    def binary(self, children: list[Any]) -> ast.Binary:
        left, operator, right = children
        return ast.Binary(str(operator), left, right)

    def times(self, children: list[Any]) -> ast.Binary:
        return ast.Binary("*", *children)

    def unary(self, children: list[Any]) -> ast.Expression:
        sign, operand = children
        if isinstance(operand, ast.Literal) and isinstance(operand.value, int | float):
            return ast.Literal(-operand.value if sign == "-" else operand.value)
        return ast.Unary(str(sign), operand)

    def column(self, children: list[Any]) -> ast.Column:
        return ast.Column(children[0])

    def subquery(self, children: list[Any]) -> ast.Subquery:
        return ast.Subquery(children[0])

    def case(self, children: list[Any]) -> ast.Case:
        branches = tuple(child for child in children if isinstance(child, tuple))
        otherwise = [child for child in children if not isinstance(child, tuple)]
        return ast.Case(branches, otherwise[0] if otherwise else None)

    def branch(self, children: list[Any]) -> tuple[ast.Expression, ast.Expression]:
        return children[0], children[1]

    def else_(self, children: list[Any]) -> ast.Expression:
        return children[0]

    def no_arguments(self, children: list[Any]) -> ast.Function:
        return ast.Function(children[0].text.upper(), (), False, children[0].position)

    def star_argument(self, children: list[Any]) -> ast.Function:
        name = children[0]
        return ast.Function(name.text.upper(), (ast.Star(),), False, name.position)

    def arguments(self, children: list[Any]) -> ast.Function:
        name, *rest = children
        distinct = False
        if isinstance(rest[0], tuple):
            distinct = rest.pop(0)[1]
        return ast.Function(name.text.upper(), tuple(rest), distinct, name.position)

    # --- literals and names

    def integer(self, children: list[Token]) -> ast.Literal:
        # Python refuses to read thousands of digits; what is far beyond 64 bits is refused later.
        digits = str(children[0])
        return ast.Literal(int(digits) if len(digits) <= _LONGEST_INTEGER else math.inf)

    def real(self, children: list[Token]) -> ast.Literal:
        return ast.Literal(float(children[0]))

    def string(self, children: list[Token]) -> ast.Literal:
        return ast.Literal("".join(part[1:-1].replace("''", "'") for part in children))

    def null(self, _: list[Any]) -> ast.Literal:
        return ast.Literal(None)

    def true(self, _: list[Any]) -> ast.Literal:
        return ast.Literal(True)

    def false(self, _: list[Any]) -> ast.Literal:
        return ast.Literal(False)

    def qualified(self, children: list[Any]) -> tuple[ast.Name, ...]:
        *prefix, name = children
        return (*prefix[0], name) if prefix else (name,)

    def prefix(self, children: list[Any]) -> tuple[ast.Name, ...]:
        *prefix, name = children
        return (*prefix[0], name) if prefix else (name,)

    def plain_name(self, children: list[Token]) -> ast.Name:
        # The lexer knows keywords only where they may stand; elsewhere they look like names.
        if children[0].upper() in RESERVED:
            raise _ReservedWordError(children[0])
        return ast.Name(str(children[0]), False, _position(children[0]))

    def quoted_name(self, children: list[Token]) -> ast.Name:
        text = children[0][1:-1].replace('""', '"')
        return ast.Name(text, True, _position(children[0]))


def _row_count(digits: Token) -> int:
    """Read a number of rows; beyond what any engine counts to, all are the same."""
    return _MOST_ROWS if len(digits) > len(str(_MOST_ROWS)) else min(int(digits), _MOST_ROWS)


def _negatable(children: list[Any]) -> tuple[Any, bool, list[Any]]:
    """Split ``x [NOT] PREDICATE …`` into x, whether negated, and the rest."""
    operand, *rest = children
    negated = bool(rest) and isinstance(rest[0], Token) and rest[0].type == "NOT_"
    return operand, negated, rest[1:] if negated else rest


@cache
def _parser() -> Lark:
    grammar = (Path(__file__).parent / "grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", transformer=_Build(), maybe_placeholders=False)
