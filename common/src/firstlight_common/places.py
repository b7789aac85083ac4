"""What the placeholders in descriptions of components stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

__all__ = ["Places"]


@dataclass(frozen=True, kw_only=True)
class Places:
    """The addresses and paths of a run; see `firstlight_common.components.Component`."""

    ports: Mapping[str, int]
    urls: Mapping[str, str]
    public_url: str
    public_port: int
    entrance: str
    front: str
    front_path: str
    error_pages: str
    bind: str
    state_dir: str
    python: str
    node: str
    proxy: str
    labs_python: str
    host_routing: str

    def fill(self, value: JsonValue, own: Mapping[str, str | int]) -> JsonValue:
        """Return a value with the placeholders in all of its strings filled in.

        Parameters
        ----------
        value
            The value, as a description has it.
        own
            The component's own ``port``, ``url`` and ``path``; empty for an overlay.

        Raises
        ------
        KeyError, IndexError, ValueError, AttributeError
            If a placeholder does not exist; the hub's registry refuses such a description.
        """
        match value:
            case str():
                return value.format(**vars(self), **own)
            case list():
                return [self.fill(item, own) for item in value]
            case dict():
                return {key: self.fill(item, own) for key, item in value.items()}
        return value
