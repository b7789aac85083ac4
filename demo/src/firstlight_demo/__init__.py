"""A pretend GitHub: the OAuth and REST endpoints that First Light uses, and a few people.

It is for trying the platform out, and for tests: it lets anybody log in as anybody.
"""

from __future__ import annotations

__all__ = ["CLIENT_ID"]

CLIENT_ID = "first-light-demo"
"""The client ID of the one OAuth application that it knows."""
