"""Query engines: what the service needs of one; each implementation is a package in here."""

from __future__ import annotations

from typing import Protocol

import pyarrow as pa

from firstlight_services.tap.models import Catalog
from firstlight_services.tap.query import tree

__all__ = ["Cursor", "Engine"]


class Cursor(Protocol):
    """One query in an engine; its methods but `interrupt` belong to one thread at a time."""

    def start(self, statement: str, columns: int) -> None:
        """Begin a query.

        Parameters
        ----------
        statement
            What `Engine.emit` returned.
        columns
            The number of columns of its result: wide rows come in smaller batches.

        Raises
        ------
        QueryError
            If the query cannot be run with the values it meets, whatever the engine calls that.
        """

    def next(self) -> pa.RecordBatch | None:
        """Return the next rows, or None after the last.

        Raises
        ------
        QueryError
            As `start`.
        """

    def interrupt(self) -> None:
        """Stop what is running; may be called from any thread."""

    def close(self) -> None:
        """End the query; may be called twice."""


class Engine(Protocol):
    """Executes resolved queries over the catalogs, which it cannot change."""

    def describe(self) -> Catalog:
        """Return the tables that can be queried now.

        Raises
        ------
        ServiceError
            UNAVAILABLE if the catalogs are not loaded.
        """

    def missing(self) -> tuple[str, ...]:
        """Return the labels of data sets whose tables cannot be queried now.

        Raises
        ------
        ServiceError
            UNAVAILABLE if the catalogs are not loaded.
        """

    def emit(self, query: tree.Query, limit: int) -> str:
        """Write a query in the engine's language.

        Parameters
        ----------
        query
            A resolved and lowered query (`firstlight_services.tap.query.lower`).
        limit
            The number of rows to return, in place of the query's own TOP.

        Raises
        ------
        QueryError
            If the query is beyond the engine's limits.
        """

    def cursor(self) -> Cursor:
        """Return a cursor for one query, to be closed by the caller.

        Raises
        ------
        ServiceError
            UNAVAILABLE if the catalogs are not loaded.
        """

    def interrupt(self) -> None:
        """Stop every query that is running; may be called from any thread."""

    def close(self) -> None:
        """Release what the engine holds."""
