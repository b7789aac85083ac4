"""Pure decisions: which repository a label means."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from firstlight_services.web.errors import Kind, ServiceError

__all__ = ["require_label"]


def require_label(label: str, known: Collection[str]) -> None:
    """Refuse a label that this site does not have, and say which it has.

    Raises
    ------
    ServiceError
        NOT_FOUND.
    """
    if label in known:
        return
    near = get_close_matches(label, known, n=1)
    raise ServiceError(
        "repository_unknown",
        f"This site has no image repository {label[:80]!r}."
        + (f" Did you mean {near[0]}?" if near else ""),
        hint=f"The repositories of this site: {', '.join(sorted(known))}.",
        kind=Kind.NOT_FOUND,
    )
