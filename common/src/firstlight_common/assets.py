"""What the hub's pages and the portal's share: stylesheet, drawings and templates."""

from __future__ import annotations

from pathlib import Path

__all__ = ["STATIC", "TEMPLATES"]

_HERE = Path(__file__).resolve().parent
STATIC = _HERE / "static"
"""The folder with the stylesheet, the logo, the favicon and the starry background."""
TEMPLATES = _HERE / "templates"
"""The folder with the Jinja templates of what both show."""
