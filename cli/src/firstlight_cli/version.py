"""The version of this installation."""

from __future__ import annotations

from importlib.metadata import version

__all__ = ["VERSION"]

VERSION = version("firstlight-cli")
"""The installed version of the command, and of the platform."""
