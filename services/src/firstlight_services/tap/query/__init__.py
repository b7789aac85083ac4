"""What a query means: names resolved, types known, nothing specific to an engine."""

from firstlight_services.tap.query.lower import lower
from firstlight_services.tap.query.resolve import resolve

__all__ = ["lower", "resolve"]
