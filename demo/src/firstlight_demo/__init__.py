"""A pretend GitHub: the OAuth and REST endpoints that First Light uses, and a few people.

For trying the platform out, and for tests. It lets anybody in as anybody.
"""

from __future__ import annotations

from typing import Any

__all__ = ["CLIENT_ID", "DEMO_ACCESS", "DEMO_SITE"]

CLIENT_ID = "first-light-demo"

DEMO_ACCESS: dict[str, Any] = {
    "identity": {"provider": "github", "github": {"client_id": CLIENT_ID}},
    "access": {
        "teams": ["first-light:dp0"],
        "blocked": ["bob-blocked"],
        "administrators": {"teams": ["first-light:admins"]},
    },
}
"""What ``firstlight up --demo`` lays over ``platform.yaml``."""

DEMO_SITE: dict[str, Any] = {"site": {"contact": "help@observatory.example"}}
"""What it assumes where ``platform.yaml`` says nothing."""
