"""Lay one mapping of settings over another."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

__all__ = ["merge"]


def merge(below: Mapping[str, JsonValue], above: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Merge one mapping into another: nested mappings are merged, everything else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merged[key] = merge(old, value)
        else:
            merged[key] = value
    return merged
