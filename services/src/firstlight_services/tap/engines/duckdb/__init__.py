"""DuckDB: an embedded engine over one read-only file for each data set."""

from firstlight_services.tap.engines.duckdb.files import tap_schema_file
from firstlight_services.tap.engines.duckdb.store import DuckDBEngine

__all__ = ["DuckDBEngine", "tap_schema_file"]
