"""Names in the hub."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["clean_local_name", "username_candidates"]

_LOCAL = re.compile(r"[a-z][a-z0-9_-]{0,31}")


def clean_local_name(name: str) -> str | None:
    """Normalise a name that an operator typed; ``None`` when it cannot be one.

    Notes
    -----
    Letters, digits, hyphen and underscore are what a home directory, a URL and a shell all take
    without quoting. JupyterHub lower-cases names.
    """
    clean = name.strip().lower()
    return clean if _LOCAL.fullmatch(clean) else None


def username_candidates(login: str, subject: str) -> Iterator[str]:
    """Give the names to try for a new person, best first.

    Parameters
    ----------
    login
        What they are called at their identity provider, now.
    subject
        The provider's immutable id of them.
    """
    base = re.sub(r"[^a-z0-9_-]", "-", login.lower()).strip("-") or "person"
    yield base
    yield f"{base}-{subject}"
    number = 2
    while True:
        yield f"{base}-{subject}-{number}"
        number += 1
