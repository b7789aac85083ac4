"""The catalogs' databases: one read-only connection to all, one cursor for each query."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from firstlight_common.runtime import DataSet
from firstlight_services.tap.engines.duckdb.emit import emit
from firstlight_services.tap.engines.duckdb.errors import explained, first_line
from firstlight_services.tap.engines.duckdb.files import database_file
from firstlight_services.tap.engines.duckdb.metadata import (
    Failure,
    Metadata,
    read_failures,
    read_metadata,
)
from firstlight_services.tap.engines.duckdb.spelling import (
    TAP_SCHEMA_DATABASE,
    database_name,
    identifier,
    string,
)
from firstlight_services.tap.models import Catalog, Schema
from firstlight_services.tap.query import tree
from firstlight_services.tap.schema import TAP_SCHEMA
from firstlight_services.web.errors import Kind, ServiceError

__all__ = ["DuckDBCursor", "DuckDBEngine"]

_log = logging.getLogger(__name__)

_CELLS = 400_000
_VECTOR = 2048
_BYTES = 16 * 1024**2
"""How much of a batch is returned at once: writing it makes several copies, and blocks others."""

_File = tuple[int, int]
"""What tells a file from one that replaced it."""


@dataclass(frozen=True, slots=True)
class _Open:
    """What is open, and which files it is made of."""

    database: duckdb.DuckDBPyConnection
    catalog: Catalog
    missing: tuple[str, ...]
    files: tuple[_File | None, ...]


class DuckDBEngine:
    """The data sets' databases, opened once they exist, and again when one was replaced.

    Parameters
    ----------
    datasets
        The site's data sets; those with a schema and a store have tables.
    tap_schema
        The service's own database, at `files.tap_schema_file`.
    threads, memory
        What all queries together may use; memory in bytes.

    Notes
    -----
    A data set whose file is missing is left out, so that the others stay available.
    """

    def __init__(
        self, datasets: Sequence[DataSet], tap_schema: Path, *, threads: int, memory: int
    ) -> None:
        self._stores = {
            one.label: database_file(one.store) for one in datasets if one.felis and one.store
        }
        self._tap_schema = tap_schema
        self._settings = (
            f"threads = {threads:d}",
            f"memory_limit = '{memory:d}B'",
            # Nothing is written to disk: a query that does not fit into memory is refused.
            "temp_directory = ''",
            "autoinstall_known_extensions = false",
            "autoload_known_extensions = false",
            "allow_community_extensions = false",
            "python_enable_replacements = false",
            "enable_external_access = false",
            "lock_configuration = true",
        )
        self._lock = threading.Lock()
        self._opened: _Open | None = None
        self._cursors: set[DuckDBCursor] = set()

    def describe(self) -> Catalog:
        """Return the tables of the data sets that are loaded, and those of TAP_SCHEMA.

        Raises
        ------
        ServiceError
            UNAVAILABLE if no data set is loaded.
        """
        with self._lock:
            return self._current().catalog

    def missing(self) -> tuple[str, ...]:
        """Return the labels of data sets whose tables are not available now.

        Raises
        ------
        ServiceError
            UNAVAILABLE if no data set is loaded.
        """
        with self._lock:
            return self._current().missing

    def emit(self, query: tree.Query, limit: int) -> str:
        """Return a query as SQL; see `firstlight_services.tap.engines.Engine.emit`."""
        return emit(query, limit)

    def cursor(self) -> DuckDBCursor:
        """Return a cursor for one query, to be closed by the caller.

        Raises
        ------
        ServiceError
            UNAVAILABLE if no data set is loaded.
        """
        with self._lock:
            cursor = DuckDBCursor(self._current().database.cursor(), self._returned)
            self._cursors.add(cursor)
            return cursor

    def interrupt(self) -> None:
        """Stop every query that is running; may be called from any thread."""
        with self._lock:
            for cursor in self._cursors:
                cursor.interrupt()

    def close(self) -> None:
        """Close the databases."""
        with self._lock:
            self._close()

    def _returned(self, cursor: DuckDBCursor) -> None:
        with self._lock:
            self._cursors.discard(cursor)

    def _close(self) -> None:
        if self._opened is not None:
            self._opened.database.close()
            self._opened = None

    def _current(self) -> _Open:
        own = _identity(self._tap_schema)
        if own is None:
            self._close()
            raise _not_loaded()
        files = (own, *map(_identity, self._stores.values()))
        # DuckDB opens a path once per process, so a replaced file waits until no query is running.
        if self._opened is not None and self._opened.files != files and not self._cursors:
            self._close()
        if self._opened is None:
            self._opened = self._open(files)
        return self._opened

    def _open(self, files: tuple[_File | None, ...]) -> _Open:
        database: duckdb.DuckDBPyConnection | None = None
        try:
            database = duckdb.connect(str(self._tap_schema), read_only=True)
            known = read_metadata(database, TAP_SCHEMA_DATABASE)
            loaded = [one for one in known if self._attach(database, one)]
            attached = {one.dataset for one in loaded}
            self._warn(read_failures(database, TAP_SCHEMA_DATABASE), known, attached)
            missing = tuple(label for label in self._stores if label not in attached)
            if self._stores and not loaded:
                raise _not_loaded()
            # After attaching, which some of the settings forbid.
            for setting in self._settings:
                database.execute(f"SET GLOBAL {setting}")
            schemas = (Schema.from_json(one.schema) for one in loaded)
            return _Open(database, Catalog((*schemas, TAP_SCHEMA)), missing, files)
        except (duckdb.Error, ValueError, ServiceError) as error:
            if database is not None:
                database.close()
            _log.warning("cannot open %s: %s", self._tap_schema, first_line(error))
            raise _not_loaded() from error

    def _warn(
        self, failures: Sequence[Failure], known: Sequence[Metadata], attached: Set[str]
    ) -> None:
        """Log which data sets the loader could not load; `_attach` logs what it cannot attach."""
        failed = {one.dataset: one.reason for one in failures}
        listed = {one.dataset for one in known}
        for label in self._stores:
            if label in failed and label in attached:
                _log.warning("data set %s is served as loaded earlier: %s", label, failed[label])
            elif label in failed or label not in listed:
                reason = failed.get(label, "it has not been loaded")
                _log.warning("data set %s is unavailable: %s", label, reason)

    def _attach(self, database: duckdb.DuckDBPyConnection, known: Metadata) -> bool:
        """Attach a data set's database; return whether it is what the loader listed."""
        store = self._stores.get(known.dataset)
        if store is None:
            return False
        name = database_name(known.dataset)
        try:
            database.execute(f"ATTACH {string(str(store))} AS {identifier(name)} (READ_ONLY)")
            found = read_metadata(database, name)
        except duckdb.Error as error:
            _log.warning("data set %s is unavailable: %s", known.dataset, first_line(error))
            return False
        if found != [known]:
            _log.warning("data set %s is unavailable: %s is outdated", known.dataset, store)
        return found == [known]


class DuckDBCursor:
    """One query's connection; its methods but `interrupt` belong to one thread at a time."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, on_close: Callable[[DuckDBCursor], None]
    ) -> None:
        self._connection = connection
        self._on_close = on_close
        self._reader: pa.RecordBatchReader | None = None
        self._batch: pa.RecordBatch | None = None
        self._closed = False

    def start(self, statement: str, columns: int) -> None:
        """Begin a query; see `firstlight_services.tap.engines.Cursor.start`."""
        rows = _VECTOR * max(1, min(8, _CELLS // max(1, columns) // _VECTOR))
        try:
            self._reader = self._connection.sql(statement).to_arrow_reader(rows)
        except duckdb.Error as error:
            raise explained(error) from error

    def next(self) -> pa.RecordBatch | None:
        """Return the next rows, or None after the last.

        Raises
        ------
        QueryError
            If the query cannot be run with the values it meets.
        """
        if self._reader is None:
            return None
        batch = self._batch
        if batch is None:
            try:
                batch = self._reader.read_next_batch()
            except StopIteration:
                return None
            except (duckdb.Error, OSError, pa.ArrowException) as error:
                raise explained(error) from error
        rows = max(1, batch.num_rows * _BYTES // max(1, batch.nbytes))
        self._batch = batch.slice(rows) if rows < batch.num_rows else None
        return batch.slice(0, rows)

    def interrupt(self) -> None:
        """Stop what is running; may be called from any thread."""
        self._connection.interrupt()

    def close(self) -> None:
        """End the query; may be called twice."""
        if not self._closed:
            self._closed = True
            self._reader = self._batch = None
            # Not after closing: an interrupt of all queries must not meet a closed connection.
            self._on_close(self)
            self._connection.close()


def _identity(path: Path) -> _File | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _not_loaded() -> ServiceError:
    return ServiceError(
        "catalog_unavailable",
        "The catalog is not loaded.",
        hint="Try again in a minute; if the problem persists, contact the site's operator.",
        kind=Kind.UNAVAILABLE,
    )
