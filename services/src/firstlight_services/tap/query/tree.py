"""A query whose names are resolved and whose types are known.

`resolve` makes the tree, `lower` replaces what engines disagree on with what they agree on,
and an engine's emitter writes the result in the engine's language.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from firstlight_services.tap.adql.ast import Position
from firstlight_services.tap.models import Field, Table, Type
from firstlight_services.tap.query.outline import Outline

__all__ = [
    "NODES",
    "Arithmetic",
    "Between",
    "Call",
    "Case",
    "Cast",
    "Circle",
    "ColumnRef",
    "Comparison",
    "Constant",
    "Distance",
    "Divide",
    "Exists",
    "InList",
    "InQuery",
    "IsNull",
    "JoinSource",
    "Like",
    "Logical",
    "NanToNull",
    "Negation",
    "Not",
    "NullIf",
    "Ordering",
    "Output",
    "Part",
    "Point",
    "Polygon",
    "Query",
    "QuerySource",
    "Scalar",
    "Source",
    "TableSource",
    "Value",
    "Within",
    "children",
    "walk",
]


@dataclass(frozen=True, slots=True)
class Value:
    """Anything that has a value; conditions are values of type BOOLEAN."""

    type: Type


@dataclass(frozen=True, slots=True)
class Constant(Value):
    """A number, a string, a truth value or NULL."""

    value: bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class ColumnRef(Value):
    """A column of a source of this query, or of an enclosing query."""

    source: str
    column: str
    described: Field = field(compare=False)
    position: Position = field(compare=False)


@dataclass(frozen=True, slots=True)
class Negation(Value):
    """The negative of a number: ``-x``."""

    operand: Value


@dataclass(frozen=True, slots=True)
class Not(Value):
    """The opposite of a truth value: ``NOT x``."""

    operand: Value


@dataclass(frozen=True, slots=True)
class Arithmetic(Value):
    """``+ - * %``, and ``||``."""

    operator: str
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class Divide(Value):
    """True division: the quotient of two integers is not rounded."""

    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class NullIf(Value):
    """A value, or NULL if it equals a constant; made by `lower`."""

    operand: Value
    refused: Constant


@dataclass(frozen=True, slots=True)
class NanToNull(Value):
    """A floating-point value, or NULL if it is not a number; made by `lower`."""

    operand: Value


@dataclass(frozen=True, slots=True)
class Comparison(Value):
    """``= <> < <= > >=``."""

    operator: str
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class Logical(Value):
    """AND or OR of two or more conditions."""

    operator: str
    operands: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Between(Value):
    """``x BETWEEN low AND high``."""

    operand: Value
    low: Value
    high: Value


@dataclass(frozen=True, slots=True)
class InList(Value):
    """``x IN (a, b)``."""

    operand: Value
    choices: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class InQuery(Value):
    """``x IN (SELECT …)``."""

    operand: Value
    query: Query


@dataclass(frozen=True, slots=True)
class Like(Value):
    """``x LIKE pattern``."""

    operand: Value
    pattern: Value
    ignores_case: bool


@dataclass(frozen=True, slots=True)
class IsNull(Value):
    """``x IS NULL``."""

    operand: Value


@dataclass(frozen=True, slots=True)
class Exists(Value):
    """``EXISTS (SELECT …)``."""

    query: Query


@dataclass(frozen=True, slots=True)
class Scalar(Value):
    """A subquery used as a value."""

    query: Query


@dataclass(frozen=True, slots=True)
class Case(Value):
    """``CASE WHEN c THEN v … ELSE v END``."""

    branches: tuple[tuple[Value, Value], ...]
    otherwise: Value | None


@dataclass(frozen=True, slots=True)
class Cast(Value):
    """A value converted to another type."""

    operand: Value


@dataclass(frozen=True, slots=True)
class Call(Value):
    """A function of the allow-list; COUNT(*) has no arguments."""

    name: str
    arguments: tuple[Value, ...]
    aggregate: bool = False
    distinct: bool = False
    position: Position | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Point(Value):
    """A position in degrees; `lower` removes it."""

    ra: Value
    dec: Value


@dataclass(frozen=True, slots=True)
class Circle(Value):
    """A cone in degrees; `lower` removes it."""

    center: Point
    radius: Value


@dataclass(frozen=True, slots=True)
class Polygon(Value):
    """A polygon or box with constant vertices; `lower` removes it."""

    outline: Outline


@dataclass(frozen=True, slots=True)
class Within(Value):
    """Whether a point lies in a shape, including its edge; `lower` removes it."""

    point: Point
    shape: Circle | Polygon


@dataclass(frozen=True, slots=True)
class Distance(Value):
    """The angle between two points, in degrees; `lower` removes it."""

    left: Point
    right: Point


@dataclass(frozen=True, slots=True)
class TableSource:
    """A table in FROM; its ``id`` is generated, so that no name in the query's text reaches SQL."""

    id: str
    table: Table


@dataclass(frozen=True, slots=True)
class QuerySource:
    """A subquery in FROM; its columns are ``c1``, ``c2``, …."""

    id: str
    query: Query


@dataclass(frozen=True, slots=True)
class JoinSource:
    """A join of two sources; a CROSS join has no condition."""

    kind: str
    left: Source
    right: Source
    condition: Value | None


Source = TableSource | QuerySource | JoinSource
"""Whatever rows come from: a table, a subquery or a join."""


@dataclass(frozen=True, slots=True)
class Output:
    """One column of the result."""

    value: Value
    field: Field


@dataclass(frozen=True, slots=True)
class Ordering:
    """One entry of ORDER BY: a value, or the number of an output, counted from 1.

    Engines differ on where NULL goes; here it is last, whatever the direction.
    """

    by: Value | int
    descending: bool
    nulls_last: bool = True


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query."""

    outputs: tuple[Output, ...]
    source: Source | None
    distinct: bool = False
    where: Value | None = None
    group_by: tuple[Value, ...] = ()
    having: Value | None = None
    order_by: tuple[Ordering, ...] = ()
    top: int | None = None
    offset: int | None = None


type Part = (
    Value | Query | Output | Ordering | Source | Field | Table | Outline | Position | Type
    | tuple[Part, ...] | str | float | None
)  # fmt: skip
"""Whatever a field of the tree may hold."""


NODES = (
    Value, Query, Output, Ordering, TableSource, QuerySource, JoinSource
)  # fmt: skip
"""The classes whose fields hold parts of the tree."""


def children(part: Part) -> Iterator[Part]:
    """Yield what a part of the tree consists of."""
    if isinstance(part, tuple):
        yield from part
    elif isinstance(part, NODES):
        for one in fields(part):
            yield getattr(part, one.name)


def walk(value: Value) -> Iterator[Value]:
    """Yield a value and everything it is made of, except for the subqueries in it."""
    pending: list[Part] = [value]
    seen: set[int] = set()
    while pending:
        one = pending.pop()
        if isinstance(one, Value):
            # Lowering shares parts; whatever is looked for is found in the first of them.
            if id(one) in seen:
                continue
            seen.add(id(one))
            yield one
        elif not isinstance(one, tuple):
            continue
        pending.extend(reversed(tuple(children(one))))
