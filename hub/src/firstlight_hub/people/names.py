"""Rules for user names in the hub."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["clean_local_name", "username_candidates"]

_LOCAL = re.compile(r"[a-z][a-z0-9_-]{0,31}")


def clean_local_name(name: str) -> str | None:
    """Return a name that an operator typed in its normal form, or ``None`` if it is not valid.

    Notes
    -----
    A home directory, a URL and a shell all accept letters, digits, hyphen and underscore without
    quoting. JupyterHub lower-cases names.
    """
    clean = name.strip().lower()
    return clean if _LOCAL.fullmatch(clean) else None


def username_candidates(login: str, subject: str) -> Iterator[str]:
    """Yield the names to try for a new person, best first.

    Parameters
    ----------
    login
        Their present login at the identity provider.
    subject
        The provider's immutable id for them.
    """
    base = re.sub(r"[^a-z0-9_-]", "-", login.lower()).strip("-") or "person"
    yield base
    yield f"{base}-{subject}"
    number = 2
    while True:
        yield f"{base}-{subject}-{number}"
        number += 1
