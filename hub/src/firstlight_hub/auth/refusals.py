"""Errors whose page says what we say."""

from __future__ import annotations

from tornado import web

__all__ = ["LINK_FIELD", "refusal"]

LINK_FIELD = "link_token"
"""The field of login data that holds a one-time link's token."""


def refusal(status: int, message: str) -> web.HTTPError:
    """Make an error whose page says ``message`` and nothing else."""
    error = web.HTTPError(status, message)
    error.jupyterhub_message = message  # type: ignore[attr-defined] # what the hub's page shows
    return error
