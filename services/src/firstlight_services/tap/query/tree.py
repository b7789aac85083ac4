"""A query whose names are resolved and whose types are known; the engines' emitters read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from firstlight_services.tap.adql.ast import Position
from firstlight_services.tap.models import Field, Table, Type

__all__ = [
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
    "Exists",
    "InList",
    "InQuery",
    "IsNull",
    "JoinSource",
    "Like",
    "Logical",
    "Negation",
    "Not",
    "Ordering",
    "Output",
    "Point",
    "Query",
    "QuerySource",
    "Scalar",
    "Source",
    "TableSource",
    "Value",
    "Within",
    "walk",
]


@dataclass(frozen=True, slots=True)
class Value:
    """Anything that has a value; conditions are values of type BOOLEAN."""

    type: Type


@dataclass(frozen=True, slots=True)
class Constant(Value):
    """A number, a text, a truth value or NULL."""

    value: bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class ColumnRef(Value):
    """A column of a source of this query, or of one around it."""

    source: str
    column: str
    described: Field = field(compare=False)
    position: Position = field(compare=False)


@dataclass(frozen=True, slots=True)
class Negation(Value):
    """``-x``."""

    operand: Value


@dataclass(frozen=True, slots=True)
class Not(Value):
    """``NOT x``."""

    operand: Value


@dataclass(frozen=True, slots=True)
class Arithmetic(Value):
    """``+ - * / %``, and ``||``."""

    operator: str
    left: Value
    right: Value


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
    """A query that stands for one value."""

    query: Query


@dataclass(frozen=True, slots=True)
class Case(Value):
    """``CASE WHEN c THEN v … ELSE v END``."""

    branches: tuple[tuple[Value, Value], ...]
    otherwise: Value | None


@dataclass(frozen=True, slots=True)
class Cast(Value):
    """A value as another type."""

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
    """A position, in degrees."""

    ra: Value
    dec: Value


@dataclass(frozen=True, slots=True)
class Circle(Value):
    """A cone, in degrees."""

    center: Point
    radius: Value


@dataclass(frozen=True, slots=True)
class Within(Value):
    """Whether a point lies in a circle, its edge included."""

    point: Point
    circle: Circle


@dataclass(frozen=True, slots=True)
class Distance(Value):
    """The angle between two points, in degrees."""

    left: Point
    right: Point


@dataclass(frozen=True, slots=True)
class TableSource:
    """A table in FROM; ``id`` is made by us, so that no name of a query's author reaches SQL."""

    id: str
    table: Table


@dataclass(frozen=True, slots=True)
class QuerySource:
    """A query in FROM; its columns are ``c1``, ``c2``, …."""

    id: str
    query: Query


@dataclass(frozen=True, slots=True)
class JoinSource:
    """Two sources side by side; a CROSS join has no condition."""

    kind: str
    left: Source
    right: Source
    condition: Value | None


Source = TableSource | QuerySource | JoinSource


@dataclass(frozen=True, slots=True)
class Output:
    """One column of the answer."""

    value: Value
    field: Field


@dataclass(frozen=True, slots=True)
class Ordering:
    """One entry of ORDER BY: a value, or the number of an output, counted from 1."""

    by: Value | int
    descending: bool


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


def walk(value: Value) -> Iterator[Value]:
    """Yield a value and all it is made of, but nothing of the queries inside of it."""
    yield value
    for one in fields(value):
        yield from _walk_into(getattr(value, one.name))


def _walk_into(part: object) -> Iterator[Value]:
    if isinstance(part, Value):
        yield from walk(part)
    elif isinstance(part, tuple):
        for element in part:
            yield from _walk_into(element)
