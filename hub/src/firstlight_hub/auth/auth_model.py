"""The result of a login or a check, in the form that JupyterHub expects."""

from __future__ import annotations

from typing import TypedDict

from firstlight_hub.auth.models import Decision
from firstlight_hub.protocols import AuthState

__all__ = ["AuthModel"]


class AuthModel(TypedDict, total=False):
    """JupyterHub's auth model: `name` to `auth_state` are its keys, `decision` is ours."""

    name: str
    admin: bool | None
    groups: list[str]
    auth_state: AuthState
    decision: Decision
