"""Name resolution: from what was written to what is meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count

from firstlight_services.tap.adql import ast
from firstlight_services.tap.errors import QueryError
from firstlight_services.tap.models import Catalog, Field, Type
from firstlight_services.tap.query import tree
from firstlight_services.tap.query.expressions import Expressions
from firstlight_services.tap.query.grouping import check_grouping, refuse_aggregates
from firstlight_services.tap.query.identity import Identities
from firstlight_services.tap.query.scope import Scope, Visible, find_table
from firstlight_services.tap.query.size import QuerySize
from firstlight_services.tap.query.typing import as_value, compare
from firstlight_services.tap.query.width import TextWidths

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
        self._size = QuerySize()
        self._identities = Identities()
        self._widths = TextWidths()

    def query(self, query: ast.Select, outer: Scope | None) -> tree.Query:
        with self._size.query():
            return self._query(query, outer)

    def _query(self, query: ast.Select, outer: Scope | None) -> tree.Query:
        aliased: dict[str, list[ast.Item]] = {}
        for item in query.items:
            if item.alias:
                aliased.setdefault(item.alias.text.lower(), []).append(item)
        scope = Scope(self._text, outer, aliases=frozenset(aliased))
        expressions = Expressions(scope, self.query, self._size)
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
                self._group(one, aliased, outputs, expressions) for one in query.group_by
            ),
            having=expressions.condition(query.having) if query.having else None,
            order_by=self._orderings(query.order_by, outputs, expressions),
            top=query.top,
            offset=query.offset,
        )
        self._check_text(resolved)
        check_grouping(resolved, scope, self._identities)
        if resolved.distinct and any(not isinstance(one.by, int) for one in resolved.order_by):
            raise QueryError(
                "not_supported",
                "With DISTINCT, ORDER BY can only use selected columns.",
                hint="Select the column as well, or remove it from ORDER BY.",
            )
        return resolved

    def _check_text(self, query: tree.Query) -> None:
        """Refuse rows, conditions and keys with more text of the query's own than is allowed."""
        self._size.text(sum(self._widths.of(output.value) for output in query.outputs))
        others = [one for one in (query.where, query.having) if one is not None]
        others += [one.by for one in query.order_by if not isinstance(one.by, int)]
        self._size.text(self._widths.concatenated([*others, *query.group_by]))

    # --- FROM

    def _source(
        self, source: ast.TableExpression, scope: Scope, expressions: Expressions
    ) -> tree.Source:
        identifier = f"t{next(self._numbers)}"
        if isinstance(source, ast.Table):
            self._size.table()
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
            found = tree.QuerySource(identifier, query)
            self._widths.remember(found)
            return found
        return self._join(source, scope, expressions)

    def _join(self, join: ast.Join, scope: Scope, expressions: Expressions) -> tree.JoinSource:
        left = self._source(join.left, scope, expressions)
        before = len(scope.sources)
        right = self._source(join.right, scope, expressions)
        condition = None
        if join.condition is not None:
            condition = expressions.condition(join.condition)
            refuse_aggregates(condition, "ON", self._text)
            self._size.text(self._widths.concatenated([condition]))
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
            qualifier = item.expression.qualifier
            self._size.columns(scope.star_width(qualifier))
            return tuple(tree.Output(one, one.described) for one in scope.star(qualifier))
        self._size.columns(1)
        value = as_value(expressions.value(item.expression))
        if isinstance(value, tree.Within):
            # ADQL's geometric predicates are numbers: 1 or 0.
            value = tree.Cast(Type.INT, value)
        return (tree.Output(value, _field(value, item)),)

    # --- GROUP BY, ORDER BY

    def _group(
        self,
        expression: ast.Expression,
        aliased: Mapping[str, Sequence[ast.Item]],
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
                    expression = _aliased(aliased, name) or expression
            value = as_value(expressions.value(expression))
        refuse_aggregates(value, "GROUP BY", self._text)
        return value

    def _orderings(
        self,
        orderings: tuple[ast.Ordering, ...],
        outputs: tuple[tree.Output, ...],
        expressions: Expressions,
    ) -> tuple[tree.Ordering, ...]:
        """Resolve ORDER BY: numbers, names and expressions of outputs, and hidden expressions."""
        if not orderings:
            return ()
        named: dict[str, list[int]] = {}
        same: dict[int, int] = {}
        for number, output in enumerate(outputs, 1):
            named.setdefault(output.field.name.lower(), []).append(number)
            same.setdefault(self._identities.of(output.value), number)

        def resolved(expression: ast.Expression) -> tree.Value | int:
            if isinstance(expression, ast.Literal):
                return _ordinal(expression, "ORDER BY", len(outputs))
            if isinstance(expression, ast.Column) and len(expression.names) == 1:
                name = expression.names[0]
                found = named.get(name.text.lower(), ())
                if name.quoted:
                    found = [one for one in found if name.matches(outputs[one - 1].field.name)]
                if len(found) == 1:
                    return found[0]
            value = as_value(expressions.value(expression))
            return same.get(self._identities.of(value), value)

        return tuple(tree.Ordering(resolved(one.expression), one.descending) for one in orderings)


def _ordinal(literal: ast.Literal, where: str, count: int) -> int:
    """Return the number of an output, counted from 1."""
    match literal.value:
        case bool():
            pass
        case int(number) if 1 <= number <= count:
            return number
    raise QueryError("bad_ordinal", f"{where} takes columns, or numbers from 1 to {count}.")


def _aliased(aliased: Mapping[str, Sequence[ast.Item]], name: ast.Name) -> ast.Expression | None:
    for item in aliased.get(name.text.lower(), ()):
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
    # The next number to try: to begin with 2 each time would take quadratic time.
    following: dict[str, int] = {}
    named = []
    for output in outputs:
        name = known = output.field.name
        while name in taken:
            number = following.get(known, 2)
            following[known] = number + 1
            name = f"{known}_{number}"
        taken.add(name)
        named.append(replace(output, field=replace(output.field, name=name)))
    return tuple(named)
