"""What belongs to a single run: its resolved settings, and the secrets."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from firstlight_common.secrets import read_secret
from firstlight_hub.settings.composed import settings_model
from firstlight_hub.settings.model import Settings

__all__ = ["load_settings_of", "read_secrets"]


def load_settings_of(state_dir: Path) -> Settings:
    """Return the resolved settings of this run, ``run/settings.json``."""
    text = (state_dir / "run" / "settings.json").read_text(encoding="utf-8")
    return settings_model().model_validate_json(text)


def read_secrets(state_dir: Path, names: Iterable[str]) -> dict[str, str]:
    """Return secrets of this run, by name."""
    return {name: read_secret(state_dir, name) for name in names}
