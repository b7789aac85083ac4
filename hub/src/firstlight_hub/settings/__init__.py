"""The platform's one configuration file, typed, and what belongs to a single run."""

from firstlight_common.runtime import Runtime, load_runtime
from firstlight_common.secrets import SecretError, read_secret
from firstlight_hub.settings.composed import settings_model
from firstlight_hub.settings.loader import (
    Problem,
    SettingsError,
    load_settings,
    parse_settings,
)
from firstlight_hub.settings.model import Settings

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
    "settings_model",
]
