"""The platform's own secrets: made once, one a file, never in configuration or argument lists."""

from __future__ import annotations

import secrets as random
from collections.abc import Iterable

from firstlight_cli.errors import OperatorError
from firstlight_cli.paths import State, write_private
from firstlight_common.commands import firstlight
from firstlight_common.runtime import Runtime, RuntimeComponent
from firstlight_common.secrets import SecretError
from firstlight_common.secrets import read_secret as read_file

__all__ = ["OPERATOR", "ensure_secrets", "names_of", "read_secret"]

OPERATOR = "service_operator"
"""The name of the secret with this command's own token at the hub."""


def names_of(components: Iterable[RuntimeComponent]) -> set[str]:
    """Return the names of the secrets that components need."""
    return {
        name
        for component in components
        for name in (*component.secrets.values(), *component.secret_files)
    }


def ensure_secrets(state: State, runtime: Runtime) -> None:
    """Make the secrets that are missing; existing ones are kept, so that sessions survive."""
    for name in sorted(names_of(runtime.components)):
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
        return read_file(state.root, name)
    except SecretError as error:
        raise OperatorError(
            f"There is no platform that you may operate in {state.root}: {error}.",
            f"Start one with `{firstlight('up', state_dir=state.root)}`, give its --state-dir, or "
            "become the user who runs it.",
        ) from error
