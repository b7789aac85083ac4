"""The platform's own secrets: one a file, in ``secrets/`` of the state directory."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["SecretError", "read_secret"]


class SecretError(Exception):
    """A secret is missing, unreadable or empty."""


def read_secret(state_dir: Path, name: str) -> str:
    """Read one of the secrets that ``firstlight up`` keeps in ``secrets/``.

    Raises
    ------
    SecretError
        If there is none; the message never holds the secret.
    """
    if not re.fullmatch(r"[a-z0-9_]+", name):
        raise SecretError(f"{name!r} is not the name of a secret")
    path = state_dir / "secrets" / name
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SecretError(f"{path} cannot be read: {error.strerror}") from error
    if not secret:
        raise SecretError(f"{path} is empty")
    return secret
