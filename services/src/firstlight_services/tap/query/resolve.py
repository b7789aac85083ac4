"""Name resolution: from what was written to what is meant."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from firstlight_services.tap.adql import ast
from firstlight_services.tap.errors import QueryError
from firstlight_services.tap.models import Catalog, Field, Type
from firstlight_services.tap.query import tree
from firstlight_services.tap.query.expressions import Expressions
from firstlight_services.tap.query.grouping import check_grouping, refuse_aggregates
from firstlight_services.tap.query.scope import Scope, Visible, find_table
from firstlight_services.tap.query.typing import as_value, compare

__all__ = ["resolve"]

_KEEPS_UNIT = frozenset({"ABS", "AVG", "MIN", "MAX", "SUM", "ROUND", "TRUNCATE", "FLOOR"})


def resolve(query: ast.Select, catalog: Catalog, text: str) -> tree.Query:
    """Resolve a query's names and types.

    Parameters
    ----------
    query
        The syntax tree.
    catalog
        The tables that can be queried.
    text
        The query's text, to show positions in.

    Raises
    ------
    QueryError
        ``unknown_table``, ``unknown_column``, ``type_mismatch`` … with line, column and caret.
    """
    resolved = _Resolver(catalog, text).query(query, None)
    return replace(resolved, outputs=_uniquely_named(resolved.outputs))


class _Resolver:
    def __init__(self, catalog: Catalog, text: str) -> None:
        self._catalog = catalog
        self._text = text
        self._numbers = count(1)

    def query(self, query: ast.Select, outer: Scope | None) -> tree.Query:
        aliases = frozenset(item.alias.text.lower() for item in query.items if item.alias)
        scope = Scope(self._text, outer, aliases=aliases)
        expressions = Expressions(scope, self.query)
        source = self._source(query.source, scope, expressions) if query.source else None
        outputs = tuple(
            output for item in query.items for output in self._item(item, scope, expressions)
        )
        where = expressions.condition(query.where) if query.where else None
        if where:
            hint = "Put conditions on groups in HAVING."
            refuse_aggregates(where, "WHERE", self._text, hint=hint)
        resolved = tree.Query(
            outputs,
            source,
            distinct=query.distinct,
            where=where,
            group_by=tuple(
                self._group(one, query.items, outputs, expressions) for one in query.group_by
            ),
            having=expressions.condition(query.having) if query.having else None,
            order_by=tuple(self._ordering(one, outputs, expressions) for one in query.order_by),
            top=query.top,
            offset=query.offset,
        )
        check_grouping(resolved, scope)
        if resolved.distinct and any(not isinstance(one.by, int) for one in resolved.order_by):
            raise QueryError(
                "not_supported",
                "With DISTINCT, ORDER BY can only use selected columns.",
                hint="Select the column as well, or remove it from ORDER BY.",
            )
        return resolved

    # --- FROM

    def _source(
        self, source: ast.TableExpression, scope: Scope, expressions: Expressions
    ) -> tree.Source:
        identifier = f"t{next(self._numbers)}"
        if isinstance(source, ast.Table):
            table = find_table(self._catalog, source.names, self._text)
            alias = source.alias or source.names[-1]
            known = None if source.alias else table
            scope.add(Visible(identifier, alias, table.fields, known))
            return tree.TableSource(identifier, table)
        if isinstance(source, ast.SubqueryTable):
            query = self.query(source.query, scope.outer)
            columns = tuple(
                (f"c{number}", output.field) for number, output in enumerate(query.outputs, 1)
            )
            scope.add(Visible(identifier, source.alias, columns))
            return tree.QuerySource(identifier, query)
        return self._join(source, scope, expressions)

    def _join(self, join: ast.Join, scope: Scope, expressions: Expressions) -> tree.JoinSource:
        left = self._source(join.left, scope, expressions)
        before = len(scope.sources)
        right = self._source(join.right, scope, expressions)
        condition = None
        if join.condition is not None:
            condition = expressions.condition(join.condition)
            refuse_aggregates(condition, "ON", self._text)
        elif join.using:
            condition = self._using(join, scope, before)
        if join.kind == "CROSS" and condition is not None:
            raise QueryError(
                "bad_join", "CROSS JOIN does not take a condition.", hint="Write JOIN … ON …"
            )
        if join.kind != "CROSS" and condition is None:
            raise QueryError(
                "bad_join", "JOIN needs a condition.", hint="Write ON a.x = b.x, or USING (x)."
            )
        return tree.JoinSource(join.kind, left, right, condition)

    def _using(self, join: ast.Join, scope: Scope, before: int) -> tree.Value:
        """Expand USING; its column, unqualified, is then common to both sides."""
        sides = (
            Scope(self._text, None, scope.sources[:before], scope.merged),
            Scope(self._text, None, scope.sources[before:]),
        )
        conditions = []
        merged = {}
        for name in join.using:
            left, right = (side.column((name,)) for side in sides)
            conditions.append(compare("=", left, right))
            one = {"RIGHT": right, "FULL": tree.Call(left.type, "COALESCE", (left, right))}
            merged[name.text.lower()] = one.get(join.kind, left)
        scope.merged.update(merged)
        if len(conditions) == 1:
            return conditions[0]
        return tree.Logical(Type.BOOLEAN, "AND", tuple(conditions))

    # --- SELECT

    def _item(
        self, item: ast.Item, scope: Scope, expressions: Expressions
    ) -> tuple[tree.Output, ...]:
        if isinstance(item.expression, ast.Star):
            return tuple(
                tree.Output(one, one.described) for one in scope.star(item.expression.qualifier)
            )
        value = as_value(expressions.value(item.expression))
        if isinstance(value, tree.Within):
            # ADQL's geometric predicates are numbers: 1 or 0.
            value = tree.Cast(Type.INT, value)
        return (tree.Output(value, _field(value, item)),)

    # --- GROUP BY, ORDER BY

    def _group(
        self,
        expression: ast.Expression,
        items: tuple[ast.Item, ...],
        outputs: tuple[tree.Output, ...],
        expressions: Expressions,
    ) -> tree.Value:
        """Resolve an entry of GROUP BY: an expression, an alias, or the number of an output.

        A table's own column takes precedence over an alias of the same name, as in SQL. Numbers
        are not ADQL, but people know them from other databases.
        """
        if isinstance(expression, ast.Literal):
            value = outputs[_ordinal(expression, "GROUP BY", len(outputs)) - 1].value
        else:
            if isinstance(expression, ast.Column) and len(expression.names) == 1:
                name = expression.names[0]
                if not any(source.find(name) for source in expressions.scope.sources):
                    expression = _aliased(items, name) or expression
            value = as_value(expressions.value(expression))
        refuse_aggregates(value, "GROUP BY", self._text)
        return value

    def _ordering(
        self, ordering: ast.Ordering, outputs: tuple[tree.Output, ...], expressions: Expressions
    ) -> tree.Ordering:
        expression = ordering.expression
        if isinstance(expression, ast.Literal):
            number = _ordinal(expression, "ORDER BY", len(outputs))
            return tree.Ordering(number, ordering.descending)
        if isinstance(expression, ast.Column) and len(expression.names) == 1:
            name = expression.names[0]
            named = [n for n, one in enumerate(outputs, 1) if name.matches(one.field.name)]
            if len(named) == 1:
                return tree.Ordering(named[0], ordering.descending)
        value = as_value(expressions.value(expression))
        same = [number for number, one in enumerate(outputs, 1) if one.value == value]
        return tree.Ordering(same[0] if same else value, ordering.descending)


def _ordinal(literal: ast.Literal, where: str, count: int) -> int:
    """Return the number of an output, counted from 1."""
    match literal.value:
        case bool():
            pass
        case int(number) if 1 <= number <= count:
            return number
    raise QueryError("bad_ordinal", f"{where} takes columns, or numbers from 1 to {count}.")


def _aliased(items: tuple[ast.Item, ...], name: ast.Name) -> ast.Expression | None:
    for item in items:
        named = item.alias is not None and name.matches(item.alias.text)
        if named and not isinstance(item.expression, ast.Star):
            return item.expression
    return None


def _field(value: tree.Value, item: ast.Item) -> Field:
    alias = item.alias.text if item.alias else ""
    kind = Type.CHAR if value.type is Type.NULL else value.type
    match value:
        case tree.ColumnRef(described=described):
            return replace(described, name=alias or described.name)
        case tree.Distance():
            return Field(alias or "distance", kind, "deg", "pos.angDistance")
        case tree.Call(name=name, arguments=arguments):
            argument = arguments[0] if arguments else None
            keeps = name in _KEEPS_UNIT and isinstance(argument, tree.ColumnRef)
            unit = argument.described.unit if keeps and isinstance(argument, tree.ColumnRef) else ""
            return Field(alias or name.lower(), kind, unit)
    return Field(alias or "value", kind)


def _uniquely_named(outputs: tuple[tree.Output, ...]) -> tuple[tree.Output, ...]:
    """Add numbers to repeated names, since readers of VOTables need unique ones."""
    taken: set[str] = set()
    named = []
    for output in outputs:
        name = output.field.name
        for number in count(2):
            if name not in taken:
                break
            name = f"{output.field.name}_{number}"
        taken.add(name)
        named.append(replace(output, field=replace(output.field, name=name)))
    return tuple(named)
