"""``python -m firstlight_services.tap.prepare``: load the catalogs before the service starts.

The composition root of that program: like `firstlight_services.tap.app`, it names the engine.
"""

from __future__ import annotations

import sys

from firstlight_services.tap.engines.duckdb.load import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
