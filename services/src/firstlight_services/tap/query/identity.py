"""Which parts of a tree are equal, found in linear time."""

from __future__ import annotations

from dataclasses import fields

from firstlight_services.tap.query import tree

__all__ = ["Identities"]

_Key = int | str | tuple[str | int, ...]


class Identities:
    """Numbers values so that two have the same number exactly if they are equal.

    Notes
    -----
    Dataclasses compare and hash everything below them. Doing so at each level of a tree takes
    quadratic time, and exponential time if parts are shared. Here each object is looked at once.
    """

    def __init__(self) -> None:
        self._numbers: dict[_Key, int] = {}
        # By identity; the objects are kept, so that no other one gets their address.
        self._seen: dict[int, tuple[tree.Part, int]] = {}

    def of(self, part: tree.Part) -> int:
        """Return the number of a part of a tree."""
        known = self._seen.get(id(part))
        if known is not None and known[0] is part:
            return known[1]
        number = self._numbers.setdefault(self._key(part), len(self._numbers))
        self._seen[id(part)] = (part, number)
        return number

    def _key(self, part: tree.Part) -> _Key:
        if isinstance(part, tuple):
            return ("", *map(self.of, part))
        if isinstance(part, tree.TableSource):
            # No two sources have the same identifier.
            return part.id
        if isinstance(part, tree.NODES):
            compared = (one.name for one in fields(part) if one.compare)
            return (type(part).__name__, *(self.of(getattr(part, name)) for name in compared))
        # 1, 1.0 and True are equal, but mean different things; so are 0.0 and -0.0.
        return f"{type(part).__name__} {part!r}"
