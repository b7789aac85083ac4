"""What the rows of a table say about it: where on the sky they are, what its strings are like."""

from __future__ import annotations

from dataclasses import replace

import duckdb

from firstlight_services.tap.coverage import Cell, Coverage, covering
from firstlight_services.tap.engines.duckdb.spelling import identifier, table_name
from firstlight_services.tap.models import Column, Table, Type

__all__ = ["measured"]

_FINEST = 1 / 16
"""Degrees: the height of the smallest cells."""

_MOST_CELLS = 3_000
"""Cells of a table; a larger area has larger ones. 2,600 cells of 4 degrees cover the whole sky."""


def measured(database: duckdb.DuckDBPyConnection, table: Table) -> Table:
    """Return the description of a table that has been written, with what its rows say."""
    columns = _measured_columns(database, table)
    return replace(table, columns=columns, coverage=_coverage(database, table))


def _measured_columns(database: duckdb.DuckDBPyConnection, table: Table) -> tuple[Column, ...]:
    """Return the columns, strings that are not as the schema says described as they are.

    Notes
    -----
    VOTable's ``char`` is ASCII (VOTable 1.4, section 6), so a column with other characters is of
    ``unicodeChar``, whatever the schema says. One with longer strings has no longest length.
    """
    texts = [one for one in table.columns if one.type.text]
    if not texts:
        return table.columns
    names = [identifier(one.name) for one in texts]
    asked = ", ".join(
        f"max(length({one})), bool_or(strlen({one}) <> length({one}))" for one in names
    )
    found = database.execute(f"SELECT {asked} FROM {table_name(table)}").fetchone() or ()  # noqa: S608 (quoted)
    known = {
        one.name: _described(one, length or 0, bool(other))
        for one, length, other in zip(texts, found[::2], found[1::2], strict=True)
    }
    return tuple(known.get(one.name, one) for one in table.columns)


def _described(column: Column, length: int, has_other_characters: bool) -> Column:
    if has_other_characters:
        return replace(column, type=Type.UNICODE, arraysize="*")
    longest = column.arraysize.rstrip("*")
    return replace(column, arraysize="*") if longest and length > int(longest) else column


def _coverage(database: duckdb.DuckDBPyConnection, table: Table) -> Coverage | None:
    if table.position is None:
        return None
    height = _FINEST
    while True:
        cells = _cells(database, table, table.position, height)
        if len(cells) <= _MOST_CELLS:
            return covering(cells, height)
        height *= 2


def _cells(
    database: duckdb.DuckDBPyConnection, table: Table, position: tuple[str, str], height: float
) -> list[Cell]:
    """Return the cells that have rows; no more than one too many are fetched."""
    ra, dec = map(identifier, position)
    last = round(180 / height) - 1
    query = f"""
        WITH stripes AS (
            SELECT {ra} AS ra, least(floor(({dec} + 90) / {height}), {last}) AS stripe
            FROM {table_name(table)} WHERE {ra} IS NOT NULL AND {dec} IS NOT NULL
        ), parted AS (
            SELECT ra, stripe, greatest(1, ceil(
                360 * cos(radians((stripe + 0.5) * {height} - 90)) / {height})) AS parts
            FROM stripes
        )
        SELECT CAST(stripe AS INTEGER), CAST(parts AS INTEGER),
            CAST(floor(ra / 360 * parts) % parts AS INTEGER), count(*)
        FROM parted GROUP BY 1, 2, 3 ORDER BY 1, 3 LIMIT {_MOST_CELLS + 1}
    """  # noqa: S608 (quoted)
    return [Cell(*row) for row in database.execute(query).fetchall()]
