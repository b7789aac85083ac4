"""Errors whose page shows our own message."""

from __future__ import annotations

from tornado import web

__all__ = ["LINK_FIELD", "refusal", "used_link"]

LINK_FIELD = "link_token"
"""The field of login data that holds a one-time link's token."""


def refusal(status: int, message: str, *, retry_after: float | None = None) -> web.HTTPError:
    """Return an error whose page shows ``message`` and nothing else."""
    error = web.HTTPError(status, message)
    error.jupyterhub_message = message  # type: ignore[attr-defined] # what the hub's page shows
    if retry_after is not None:
        error.headers = {"Retry-After": str(round(retry_after))}  # type: ignore[attr-defined]
    return error


def used_link(contact: str) -> web.HTTPError:
    """Return the error for a one-time link that no longer works, which has a page of its own."""
    error = refusal(
        403,
        "This link has been used or has expired. Links work once, for a short time: "
        f"ask {contact} for a new one.",
    )
    error.used_link = True  # type: ignore[attr-defined] # read by error.html
    return error
