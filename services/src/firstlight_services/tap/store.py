"""The catalog's database: DuckDB, read-only, one cursor a query."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from firstlight_services.tap.errors import QueryError
from firstlight_services.tap.models import METADATA_TABLE, Catalog
from firstlight_services.web import Kind, ServiceError

__all__ = ["Cursor", "DuckStore"]

_log = logging.getLogger(__name__)

_CELLS = 400_000
_VECTOR = 2048

_REFUSALS = {
    "Out of Memory Error": (
        "too_much_memory",
        "The query needs more memory than a query may have.",
        "Ask for fewer columns or a smaller region, or leave out ORDER BY.",
    ),
    "Out of Range Error": ("out_of_range", "A number in the query's result is too large.", ""),
    "Conversion Error": ("out_of_range", "A value in the query does not fit its type.", ""),
    "Invalid Input Error": (
        "bad_value",
        "The query cannot be run with the values it meets.",
        "A subquery that stands for a value, for one, may give one row only.",
    ),
    "Parser Error: Maximum tree depth": (
        "too_deep",
        "The expressions of this query are nested too deeply.",
        "",
    ),
}
"""What is the query's fault, by the beginning of the engine's message, which nobody is shown."""


@dataclass(frozen=True, slots=True)
class _Open:
    """A file that is open, and which one it was."""

    database: duckdb.DuckDBPyConnection
    catalog: Catalog
    file: tuple[int, int]


class DuckStore:
    """The database file, opened when it is there, and again when it was replaced.

    Parameters
    ----------
    path
        What the loader wrote.
    threads, memory
        What all queries together may use; memory in bytes.
    """

    def __init__(self, path: Path, *, threads: int, memory: int) -> None:
        self._path = path
        self._settings = (
            f"threads = {threads:d}",
            f"memory_limit = '{memory:d}B'",
            # No spilling: a query that does not fit is told so.
            "temp_directory = ''",
            "error_on_division_by_zero = false",
            "autoinstall_known_extensions = false",
            "autoload_known_extensions = false",
            "allow_community_extensions = false",
            "python_enable_replacements = false",
            "enable_external_access = false",
            "lock_configuration = true",
        )
        self._lock = threading.Lock()
        self._opened: _Open | None = None
        self._cursors: set[Cursor] = set()

    def catalog(self) -> Catalog:
        """Return what the database holds.

        Raises
        ------
        ServiceError
            UNAVAILABLE if it is not there.
        """
        with self._lock:
            return self._current().catalog

    def cursor(self) -> Cursor:
        """Return a cursor for one query; close it.

        Raises
        ------
        ServiceError
            UNAVAILABLE if the database is not there.
        """
        with self._lock:
            cursor = Cursor(self._current().database.cursor(), self._returned)
            self._cursors.add(cursor)
            return cursor

    def interrupt(self) -> None:
        """Stop every query that runs now; may be called from any thread."""
        with self._lock:
            for cursor in self._cursors:
                cursor.interrupt()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._close()

    def _returned(self, cursor: Cursor) -> None:
        with self._lock:
            self._cursors.discard(cursor)

    def _close(self) -> None:
        if self._opened is not None:
            self._opened.database.close()
            self._opened = None

    def _current(self) -> _Open:
        try:
            status = self._path.stat()
        except OSError as error:
            self._close()
            raise _not_there() from error
        file = (status.st_ino, status.st_mtime_ns)
        # DuckDB opens a path once in a process: a replaced file waits until its readers are done.
        if self._opened is not None and self._opened.file != file and not self._cursors:
            self._close()
        if self._opened is None:
            self._opened = self._open(file)
        return self._opened

    def _open(self, file: tuple[int, int]) -> _Open:
        database: duckdb.DuckDBPyConnection | None = None
        try:
            database = duckdb.connect(str(self._path), read_only=True)
            for setting in self._settings:
                database.execute(f"SET GLOBAL {setting}")
            row = database.execute(f"SELECT catalog FROM {METADATA_TABLE}").fetchone()  # noqa: S608
            return _Open(database, Catalog.from_json((row or ("",))[0]), file)
        except (duckdb.Error, ValueError, KeyError, TypeError) as error:
            if database is not None:
                database.close()
            _log.warning("cannot open %s: %s", self._path, str(error).partition("\n")[0])
            raise _not_there() from error


class Cursor:
    """One query's connection; its methods but `interrupt` belong to one thread at a time."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, on_close: Callable[[Cursor], None]
    ) -> None:
        self._connection = connection
        self._on_close = on_close
        self._reader: pa.RecordBatchReader | None = None
        self._closed = False

    def start(self, sql: str, columns: int) -> None:
        """Begin a query.

        Parameters
        ----------
        sql
            What to run.
        columns
            How many columns it has: wide rows come fewer at a time.

        Raises
        ------
        QueryError
            If the query's values are at fault.
        """
        rows = _VECTOR * max(1, min(8, _CELLS // max(1, columns) // _VECTOR))
        try:
            self._reader = self._connection.sql(sql).to_arrow_reader(rows)
        except duckdb.Error as error:
            raise _explained(error) from error

    def next(self) -> pa.RecordBatch | None:
        """Return the next rows, or None after the last.

        Raises
        ------
        QueryError
            If the query's values are at fault.
        """
        if self._reader is None:
            return None
        try:
            return self._reader.read_next_batch()
        except StopIteration:
            return None
        except (duckdb.Error, OSError, pa.ArrowException) as error:
            raise _explained(error) from error

    def interrupt(self) -> None:
        """Stop what runs now; may be called from any thread."""
        self._connection.interrupt()

    def close(self) -> None:
        """End the query; may be called twice."""
        if not self._closed:
            self._closed = True
            self._reader = None
            # Not after: an interrupt of all must not meet a closed connection.
            self._on_close(self)
            self._connection.close()


def _explained(error: Exception) -> Exception:
    """Map the engine's words to ours; what is not the query's fault stays as it is, for the log."""
    message = str(error)
    for beginning, (code, sentence, hint) in _REFUSALS.items():
        if message.startswith(beginning):
            return QueryError(code, sentence, hint=hint)
    return error


def _not_there() -> ServiceError:
    return ServiceError(
        "catalog_unavailable",
        "The catalog is not loaded.",
        hint="Try again in a minute; if it stays so, tell the site's contact.",
        kind=Kind.UNAVAILABLE,
    )
