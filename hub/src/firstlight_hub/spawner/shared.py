"""What all labs share by the spawner's configuration."""

from __future__ import annotations

from typing import Self

__all__ = ["Shared"]


class Shared:
    """An object that is not copied with the configuration in which it is."""

    def __deepcopy__(self, memo: object) -> Self:
        """Return this object: traitlets copies its configuration for each lab."""
        return self
