"""Pure decisions: whether a label names a repository of this site."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from firstlight_services.web.errors import Kind, ServiceError

__all__ = ["require_label"]


def require_label(label: str, known: Collection[str]) -> None:
    """Refuse a label that this site does not have, and name those that it has.

    Raises
    ------
    ServiceError
        NOT_FOUND.
    """
    if label in known:
        return
    near = get_close_matches(label, known, n=1)
    labels = ", ".join(sorted(known))
    raise ServiceError(
        "repository_unknown",
        f"This site has no image repository {label[:80]!r}."
        + (f" Did you mean {near[0]}?" if near else ""),
        hint=f"The repositories of this site: {labels}."
        if labels
        else "This site has no image repositories.",
        kind=Kind.NOT_FOUND,
    )
