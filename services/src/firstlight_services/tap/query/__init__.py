"""What a query means: names resolved, types known, nothing of an engine in it."""

from firstlight_services.tap.query.resolve import resolve

__all__ = ["resolve"]
