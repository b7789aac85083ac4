"""How much text a query makes of its own: short queries can otherwise make rows of any size."""

from __future__ import annotations

from collections.abc import Iterable

from firstlight_services.tap.query import tree

__all__ = ["TextWidths"]

_COLUMN = 8
"""What a table's own column counts, in characters."""
_PIECE = 32
"""What anything but a constant counts at least where it is concatenated."""


class TextWidths:
    """The widths of text values, in characters, as far as the query's own text decides them.

    Notes
    -----
    ``SELECT s || s AS s FROM (SELECT s || s AS s FROM …)`` doubles with each level, so subqueries'
    columns have to be known to what uses them.
    """

    def __init__(self) -> None:
        self._columns: dict[tuple[str, str], int] = {}

    def remember(self, source: tree.QuerySource) -> None:
        """Note the columns of a subquery in FROM."""
        for number, output in enumerate(source.query.outputs, 1):
            self._columns[source.id, f"c{number}"] = self.of(output.value)

    def of(self, value: tree.Value) -> int:
        """Return the width of a value; 0 if it is not text."""
        match value:
            case tree.Constant(value=str(text)):
                return len(text)
            case tree.ColumnRef(type=kind, source=source, column=column):
                return self._columns.get((source, column), _COLUMN) if kind.text else 0
            case tree.Arithmetic(operator="||", left=left, right=right):
                return self._piece(left) + self._piece(right)
            case tree.Case(branches=branches, otherwise=otherwise):
                chosen = [self.of(one) for _, one in branches]
                return max([*chosen, self.of(otherwise) if otherwise else 0])
            case tree.Call(type=kind, arguments=arguments) if kind.text:
                return max(map(self.of, arguments), default=_PIECE)
            case tree.Scalar(query=query):
                return self.of(query.outputs[0].value)
        return _PIECE if value.type.text else 0

    def concatenated(self, values: Iterable[tree.Value]) -> int:
        """Return the width of all concatenations in some values together."""
        return sum(
            self._piece(operand)
            for value in values
            for one in tree.walk(value)
            if isinstance(one, tree.Arithmetic) and one.operator == "||"
            for operand in (one.left, one.right)
            if not (isinstance(operand, tree.Arithmetic) and operand.operator == "||")
        )

    def _piece(self, value: tree.Value) -> int:
        width = self.of(value)
        return width if isinstance(value, tree.Constant) else max(width, _PIECE)
