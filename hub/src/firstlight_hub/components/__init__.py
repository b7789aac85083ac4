"""The registry of components: everything that a platform is made of, described once."""

from firstlight_hub.components.check import ComponentError
from firstlight_hub.components.registry import discover

__all__ = ["ComponentError", "discover"]
