"""Public paths that more than one component has to know."""

from __future__ import annotations

__all__ = ["HUB"]

HUB = "/nb/"
"""The hub's base URL on the public origin; Rubin's clients expect it there."""
