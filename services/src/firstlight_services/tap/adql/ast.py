"""The syntax tree of a query; it knows nothing of catalogs or engines."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "Between",
    "Binary",
    "Case",
    "Column",
    "Exists",
    "Expression",
    "Function",
    "In",
    "IsNull",
    "Item",
    "Join",
    "Like",
    "Literal",
    "Name",
    "Node",
    "Ordering",
    "Part",
    "Position",
    "Select",
    "Star",
    "Subquery",
    "SubqueryTable",
    "Table",
    "TableExpression",
    "Unary",
]


@dataclass(frozen=True, slots=True)
class Position:
    """A position in the query's text; counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Name:
    """An identifier; case matters only if it is quoted (ADQL 2.1, section 2.1.3)."""

    text: str
    quoted: bool
    position: Position

    def matches(self, other: str) -> bool:
        """Return whether this is the name of `other`."""
        return self.text == other if self.quoted else self.text.lower() == other.lower()


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a string, a truth value or NULL."""

    value: int | float | str | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column and its qualifiers: ``schema.table.column``."""

    names: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Star:
    """``*`` or ``table.*``."""

    qualifier: tuple[Name, ...] = ()


@dataclass(frozen=True, slots=True)
class Unary:
    """``-x``, ``+x`` or ``NOT x``."""

    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic, concatenation, comparison, AND, OR."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Between:
    """``x BETWEEN low AND high``."""

    operand: Expression
    low: Expression
    high: Expression
    negated: bool


@dataclass(frozen=True, slots=True)
class In:
    """``x IN (…)``: a list of expressions, or a subquery."""

    operand: Expression
    choices: tuple[Expression, ...] | Select
    negated: bool


@dataclass(frozen=True, slots=True)
class Like:
    """``x LIKE pattern``; ILIKE ignores case."""

    operand: Expression
    pattern: Expression
    negated: bool
    ignores_case: bool


@dataclass(frozen=True, slots=True)
class IsNull:
    """``x IS [NOT] NULL``."""

    operand: Expression
    negated: bool


@dataclass(frozen=True, slots=True)
class Exists:
    """Whether a subquery has rows: ``EXISTS (query)``."""

    query: Select


@dataclass(frozen=True, slots=True)
class Subquery:
    """A subquery used as a value."""

    query: Select


@dataclass(frozen=True, slots=True)
class Case:
    """``CASE WHEN c THEN v … ELSE v END``."""

    branches: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression | None


@dataclass(frozen=True, slots=True)
class Function:
    """A function, an aggregate or a geometry; the name is in upper case."""

    name: str
    arguments: tuple[Expression | Star, ...]
    distinct: bool
    position: Position


Expression = (
    Literal
    | Column
    | Unary
    | Binary
    | Between
    | In
    | Like
    | IsNull
    | Exists
    | Subquery
    | Case
    | Function
)
"""Whatever has a value, or is true or false."""


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of the select list."""

    expression: Expression | Star
    alias: Name | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table by name."""

    names: tuple[Name, ...]
    alias: Name | None = None


@dataclass(frozen=True, slots=True)
class SubqueryTable:
    """A subquery in FROM."""

    query: Select
    alias: Name


@dataclass(frozen=True, slots=True)
class Join:
    """A join of two tables; `kind` is INNER, LEFT, RIGHT, FULL or CROSS."""

    kind: str
    left: TableExpression
    right: TableExpression
    condition: Expression | None = None
    using: tuple[Name, ...] = ()


TableExpression = Table | SubqueryTable | Join
"""Whatever may be listed in FROM."""


@dataclass(frozen=True, slots=True)
class Ordering:
    """One entry of ORDER BY."""

    expression: Expression
    descending: bool


@dataclass(frozen=True, slots=True)
class Select:
    """A whole query, or a subquery."""

    items: tuple[Item, ...]
    source: TableExpression | None = None
    distinct: bool = False
    top: int | None = None
    where: Expression | None = None
    group_by: tuple[Expression, ...] = ()
    having: Expression | None = None
    order_by: tuple[Ordering, ...] = ()
    offset: int | None = None


Node = Expression | Star | Item | TableExpression | Ordering | Select | Name | Position
"""Any node of the syntax tree."""

type Part = Node | tuple[Part, ...] | str | float | None
"""Whatever a field of the syntax tree may hold."""
