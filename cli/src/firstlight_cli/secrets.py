"""The platform's own secrets: made once, one a file, never in configuration or argument lists."""

from __future__ import annotations

import secrets as random
from collections.abc import Mapping

from firstlight_cli.errors import OperatorError
from firstlight_cli.paths import State, write_private

__all__ = ["NAMES", "ensure_secrets", "read_secret"]

NAMES = (
    "proxy_token",
    "crypt_key",
    "cookie_secret",
    "service_tap",
    "service_butler",
    "service_portal",
    "service_operator",
    "demo_github_client_secret",
)


def ensure_secrets(state: State) -> None:
    """Make the secrets that are missing; those that exist stay, so that sessions survive."""
    for name in NAMES:
        path = state.secrets / name
        if not path.exists() or not path.read_text().strip():
            write_private(path, random.token_hex(32) + "\n")
        path.chmod(0o600)


def read_secret(state: State, name: str) -> str:
    """Return a secret.

    Raises
    ------
    OperatorError
        If the platform was never started here, or this user may not read it.
    """
    try:
        return (state.secrets / name).read_text().strip()
    except OSError as error:
        raise OperatorError(
            f"There is no platform that you may operate in {state.root}: {error.strerror}.",
            "Start one with `firstlight up`, name its --state-dir, or be the user who runs it.",
        ) from error


def environment(state: State, names: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables, each with the secret that it is to hold."""
    return {variable: read_secret(state, name) for variable, name in names.items()}
