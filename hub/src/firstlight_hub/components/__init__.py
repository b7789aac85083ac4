"""The registry of components: everything that a platform is made of, described once."""

from firstlight_hub.components.registry import ComponentError, discover

__all__ = ["ComponentError", "discover"]
