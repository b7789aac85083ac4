"""What the hub's pages and the portal's share: stylesheet and drawings."""

from __future__ import annotations

from pathlib import Path

__all__ = ["STATIC"]

STATIC = Path(__file__).resolve().parent / "static"
"""The folder with the stylesheet, the logo, the favicon and the starry background."""
