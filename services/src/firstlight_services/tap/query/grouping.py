"""The rules of GROUP BY: what may appear next to an aggregate, and where aggregates may appear."""

from __future__ import annotations

from collections.abc import Iterator, Set

from firstlight_services.tap.errors import QueryError
from firstlight_services.tap.query import tree
from firstlight_services.tap.query.identity import Identities
from firstlight_services.tap.query.scope import Scope

__all__ = ["check_grouping", "refuse_aggregates"]

_INSIDE = (tree.Value, tree.Query, tree.Output, tree.Ordering, tree.QuerySource, tree.JoinSource)
"""What may contain columns."""


def refuse_aggregates(value: tree.Value, where: str, text: str, *, hint: str = "") -> None:
    """Refuse a value that contains an aggregate.

    Parameters
    ----------
    where
        The clause it is in, for the message.
    text
        The query's text, to show the position in.

    Raises
    ------
    QueryError
        ``bad_aggregate``.
    """
    for one in tree.walk(value):
        if isinstance(one, tree.Call) and one.aggregate:
            error = QueryError("bad_aggregate", f"{one.name} is not allowed in {where}.", hint=hint)
            raise error.shown_in(text, one.position) if one.position else error


def check_grouping(query: tree.Query, scope: Scope, identities: Identities) -> None:
    """Check that each value of a grouped query has one value per group.

    Parameters
    ----------
    query
        The query.
    scope
        Its sources.
    identities
        What tells whether a value is one of those in GROUP BY.

    Raises
    ------
    QueryError
        ``not_grouped``, ``bad_aggregate``.
    """
    values = [output.value for output in query.outputs]
    values += [one.by for one in query.order_by if isinstance(one.by, tree.Value)]
    if query.having is not None:
        values.append(query.having)
    calls = [
        one
        for value in values
        for one in tree.walk(value)
        if isinstance(one, tree.Call) and one.aggregate
    ]
    for call in calls:
        for argument in call.arguments:
            refuse_aggregates(argument, f"{call.name}(…)", scope.text)
    if not (calls or query.group_by or query.having is not None):
        return
    grouped = frozenset(map(identities.of, query.group_by))
    for value in values:
        for column in _loose_columns(value, grouped, identities):
            if scope.source_of(column.source):
                name = column.described.name
                raise QueryError(
                    "not_grouped",
                    f"{name} has several values in a group.",
                    hint=f"Add {name} to GROUP BY, or take its MIN, MAX or AVG.",
                ).shown_in(scope.text, column.position)


def _loose_columns(
    value: tree.Value, grouped: Set[int], identities: Identities
) -> Iterator[tree.ColumnRef]:
    """Yield the columns that are neither in GROUP BY nor in an aggregate.

    Those in subqueries are included, since a subquery may refer to this query's columns.
    """
    pending: list[tree.Part] = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, _INSIDE):
            if identities.of(part) in grouped or (isinstance(part, tree.Call) and part.aggregate):
                continue
            if isinstance(part, tree.ColumnRef):
                yield part
                continue
        elif not isinstance(part, tuple):
            continue
        pending.extend(reversed(tuple(tree.children(part))))
