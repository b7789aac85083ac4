"""What ``firstlight up`` decided for this run, and the secrets it made."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from firstlight_hub.settings.model import Settings

__all__ = [
    "Ports",
    "Runtime",
    "SecretError",
    "load_runtime",
    "load_settings_of",
    "read_secret",
    "read_secrets",
]


class Ports(BaseModel):
    """The loopback port of each part."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    proxy_api: int
    hub: int
    tap: int
    butler: int
    portal: int
    demo_github: int | None = None


class Runtime(BaseModel):
    """``run/runtime.json``: this run's addresses and places.

    Notes
    -----
    Keys of a newer `firstlight` command are ignored, so that the parts can be upgraded one by one.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    state_dir: Path
    config: Path | None = None
    demo: bool = False
    bind: str = "127.0.0.1"
    port: int = 8000
    public_url: str
    """Scheme, host and port; no trailing slash."""
    ports: Ports
    labs_python: Path
    tutorials_dir: Path
    version: str


class SecretError(Exception):
    """A secret is missing or empty."""


def load_runtime(state_dir: Path) -> Runtime:
    """Read ``run/runtime.json`` of a state directory."""
    text = (state_dir / "run" / "runtime.json").read_text(encoding="utf-8")
    runtime = Runtime.model_validate_json(text)
    return runtime.model_copy(update={"public_url": runtime.public_url.rstrip("/")})


def load_settings_of(state_dir: Path) -> Settings:
    """Read the resolved settings of this run, ``run/settings.json``."""
    text = (state_dir / "run" / "settings.json").read_text(encoding="utf-8")
    return Settings.model_validate_json(text)


def read_secrets(state_dir: Path) -> dict[str, str]:
    """Read all secrets of this run, by name."""
    paths = sorted((state_dir / "secrets").iterdir())
    return {path.name: read_secret(state_dir, path.name) for path in paths if path.is_file()}


def read_secret(state_dir: Path, name: str) -> str:
    """Read one of the secrets that ``firstlight up`` keeps in ``secrets/``.

    Raises
    ------
    SecretError
        If there is none; the message never has the secret in it.
    """
    if not re.fullmatch(r"[a-z0-9_]+", name):
        raise SecretError(f"{name!r} is no name of a secret")
    path = state_dir / "secrets" / name
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SecretError(f"{path} cannot be read: {error.strerror}") from error
    if not secret:
        raise SecretError(f"{path} is empty")
    return secret
