"""Which tables and columns are visible in a query."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from firstlight_services.tap.adql.ast import Name
from firstlight_services.tap.errors import QueryError, nearest
from firstlight_services.tap.models import Catalog, Field, Table
from firstlight_services.tap.query import tree

__all__ = ["Scope", "Visible", "find_table", "quoted"]


@dataclass(frozen=True)
class Visible:
    """One source of a query, as names in the query refer to it.

    Attributes
    ----------
    id
        Its name in the tree.
    alias
        Its name in the query.
    columns
        Its columns: their names in the tree, and their descriptions.
    table
        The table, unless it is a subquery or renamed.
    """

    id: str
    alias: Name
    columns: tuple[tuple[str, Field], ...]
    table: Table | None = None

    def find(self, name: Name) -> list[tuple[str, Field]]:
        """Return the columns of that name: several if a subquery repeats a name."""
        found = self._by_name.get(name.text.lower(), ())
        return [(column, known) for column, known in found if name.matches(known.name)]

    @cached_property
    def _by_name(self) -> dict[str, list[tuple[str, Field]]]:
        """The columns by their names in lower case: tables have a thousand, queries as many."""
        named: dict[str, list[tuple[str, Field]]] = {}
        for one in self.columns:
            named.setdefault(one[1].name.lower(), []).append(one)
        return named

    def called(self, names: tuple[Name, ...]) -> bool:
        """Return whether a qualifier (``alias``, ``table``, ``schema.table``) means this source."""
        if len(names) == 1:
            return names[0].matches(self.alias.text)
        table = self.table
        if table is None or len(names) != 2:
            return False
        return names[0].matches(table.schema) and names[1].matches(table.name)


@dataclass(slots=True)
class Scope:
    """The sources of one query, and those of the enclosing query.

    Attributes
    ----------
    merged
        Columns merged by USING, by name in lower case.
    aliases
        Aliases of the select list, in lower case; conditions cannot use them.
    """

    text: str
    outer: Scope | None = None
    sources: list[Visible] = field(default_factory=list)
    merged: dict[str, tree.Value] = field(default_factory=dict)
    aliases: frozenset[str] = frozenset()

    def add(self, source: Visible) -> None:
        """Make a source visible.

        Raises
        ------
        QueryError
            ``duplicate_table`` if another source has the same name.
        """
        for other in self.sources:
            if other.alias.text.lower() == source.alias.text.lower():
                raise QueryError(
                    "duplicate_table",
                    f"Two tables are called {source.alias.text}.",
                    hint="Give each its own name: FROM a AS x JOIN a AS y …",
                ).shown_in(self.text, source.alias.position)
        self.sources.append(source)

    def column(self, names: tuple[Name, ...]) -> tree.Value:
        """Return a column by its name, with or without a qualifier.

        Raises
        ------
        QueryError
            ``unknown_column``, ``unknown_table`` or ``ambiguous_column``.
        """
        scope: Scope | None = self
        while scope is not None:
            found = scope._own(names)
            if found is not None:
                return found
            scope = scope.outer
        raise self._unknown(names)

    def star_width(self, qualifier: tuple[Name, ...]) -> int:
        """Return how many columns ``*`` or ``table.*`` stands for, without making them."""
        return sum(len(source.columns) for source in self._starred(qualifier))

    def star(self, qualifier: tuple[Name, ...]) -> Iterator[tree.ColumnRef]:
        """Yield the columns that ``*`` or ``table.*`` stands for."""
        for source in self._starred(qualifier):
            for column, known in source.columns:
                yield _reference(source, column, known, source.alias)

    def _starred(self, qualifier: tuple[Name, ...]) -> list[Visible]:
        chosen = [one for one in self.sources if not qualifier or one.called(qualifier)]
        if chosen:
            return chosen
        if qualifier:
            raise self._unknown_source(qualifier)
        raise QueryError("no_table", "There is no table whose columns * could select.")

    def source_of(self, identifier: str) -> bool:
        """Return whether a source of the tree belongs to this query, not to an enclosing one."""
        return any(one.id == identifier for one in self.sources)

    def _own(self, names: tuple[Name, ...]) -> tree.Value | None:
        *qualifier, name = names
        if not qualifier:
            merged = self.merged.get(name.text.lower())
            if merged is not None:
                return merged
        chosen = [s for s in self.sources if not qualifier or s.called(tuple(qualifier))]
        found = [(s, column, known) for s in chosen for column, known in s.find(name)]
        if len(found) > 1:
            owners = list(dict.fromkeys(source.alias.text for source, _, _ in found))
            hint = f"Write which one: {owners[0]}.{name.text}"
            if len(owners) == 1:
                hint = "Give each a name of its own in the subquery: SELECT a AS x, b AS y …"
            raise QueryError(
                "ambiguous_column",
                f"Several columns are called {name.text}: in {' and '.join(owners)}.",
                hint=hint,
            ).shown_in(self.text, name.position)
        if found:
            return _reference(*found[0], name)
        if chosen and qualifier:
            raise self._unknown(names)
        return None

    def _unknown(self, names: tuple[Name, ...]) -> QueryError:
        *qualifier, name = names
        seen = list(self._seen())
        if qualifier:
            seen = [one for one in seen if one.called(tuple(qualifier))]
            if not seen:
                return self._unknown_source(tuple(qualifier))
        known = [field.name for source in seen for _, field in source.columns]
        hint = nearest(name.text, known)
        if name.quoted and not hint:
            hint = "Strings take single quotes: 'text'."
        if not qualifier and name.text.lower() in self.aliases:
            hint = (
                f"{name.text} is an alias from SELECT: only GROUP BY and ORDER BY can use it, and "
                "only on its own. Write out the expression."
            )
        where = f" in {seen[0].alias.text}" if len(seen) == 1 else ""
        return QueryError(
            "unknown_column", f"There is no column {quoted(name)}{where}.", hint=hint
        ).shown_in(self.text, name.position)

    def _unknown_source(self, qualifier: tuple[Name, ...]) -> QueryError:
        called = ".".join(name.text for name in qualifier)
        known = [one.alias.text for one in self._seen()]
        hint = nearest(called, known) or (
            f"The tables in FROM are: {', '.join(known)}." if known else ""
        )
        return QueryError(
            "unknown_table", f"No table in FROM is called {called}.", hint=hint
        ).shown_in(self.text, qualifier[0].position)

    def _seen(self) -> Iterator[Visible]:
        yield from self.sources
        if self.outer is not None:
            yield from self.outer._seen()


def find_table(catalog: Catalog, names: tuple[Name, ...], text: str) -> Table:
    """Return the table called ``table`` or ``schema.table``.

    Raises
    ------
    QueryError
        ``unknown_table``, with the nearest names.
    """
    *qualifier, name = names
    found = [
        table
        for table in catalog.tables()
        if name.matches(table.name)
        and (not qualifier or (len(qualifier) == 1 and qualifier[0].matches(table.schema)))
    ]
    if len(found) == 1:
        return found[0]
    called = ".".join(one.text for one in names)
    if found:
        choices = " or ".join(table.full_name for table in found)
        raise QueryError(
            "ambiguous_table", f"Several tables are called {called}.", hint=f"Write {choices}."
        ).shown_in(text, name.position)
    hint = nearest(called, [table.full_name for table in catalog.tables()])
    raise QueryError(
        "unknown_table",
        f"There is no table {called}.",
        hint=hint or "Query tap_schema.tables for the available tables.",
    ).shown_in(text, names[0].position)


def quoted(name: Name) -> str:
    """Return a name as it was written."""
    return f'"{name.text}"' if name.quoted else name.text


def _reference(source: Visible, column: str, known: Field, name: Name) -> tree.ColumnRef:
    return tree.ColumnRef(known.type, source.id, column, known, name.position)
