"""The platform's one configuration file, typed."""

from firstlight_hub.settings.model import Settings

__all__ = ["Settings"]
