"""What the hub does not import, although it could; imported before everything else."""

from __future__ import annotations

import sys

__all__: list[str] = []

# jupyter_events imports jsonschema, which imports this package if there is one, to check the format
# "iri". It builds its parser when it is imported, which is a third of the time that the hub needs
# to start, and so to recover. No event that the hub emits has an IRI.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
