"""A pretend GitHub: the OAuth and REST endpoints that First Light uses, with a few people.

It is meant for trial runs and tests: anybody can log in as anybody.
"""

from __future__ import annotations

from pydantic import JsonValue

__all__ = ["CLIENT_ID", "DEMO_ACCESS", "DEMO_SITE"]

CLIENT_ID = "first-light-demo"

DEMO_ACCESS: dict[str, JsonValue] = {
    "identity": {"provider": "github", "github": {"client_id": CLIENT_ID}},
    "access": {
        "teams": ["first-light:dp0"],
        "blocked": ["bob-blocked"],
        "administrators": {"teams": ["first-light:admins"]},
    },
}
"""The settings with which ``firstlight up --demo`` overrides ``platform.yaml``."""

DEMO_SITE: dict[str, JsonValue] = {"site": {"contact": "help@observatory.example"}}
"""The defaults of ``firstlight up --demo``, which ``platform.yaml`` can override."""
