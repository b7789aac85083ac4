"""The platform's one configuration file, typed, and what belongs to a single run."""

from firstlight_hub.settings.loader import (
    Problem,
    SettingsError,
    load_settings,
    parse_settings,
)
from firstlight_hub.settings.model import Settings
from firstlight_hub.settings.runtime import (
    Runtime,
    SecretError,
    load_runtime,
    read_secret,
)

__all__ = [
    "Problem",
    "Runtime",
    "SecretError",
    "Settings",
    "SettingsError",
    "load_runtime",
    "load_settings",
    "parse_settings",
    "read_secret",
]
