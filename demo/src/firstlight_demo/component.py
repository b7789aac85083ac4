"""The pretend GitHub as a component: how it starts, and what a demo's settings are."""

from __future__ import annotations

from firstlight_common import paths
from firstlight_common.components import Component, Overlay
from firstlight_demo import CLIENT_ID

__all__ = ["COMPONENT"]

_SECRET = "demo_github_client_secret"  # noqa: S105 (its name)

COMPONENT = Component(
    name="demo-github",
    path="/demo-github/",
    command=(
        *("{python}", "-m", "firstlight_demo"),
        *("--port", "{port}"),
        *("--public-url", "{public_url}/demo-github"),
        *("--callback-url", f"{{public_url}}{paths.HUB}hub/oauth_callback"),
    ),
    health="{url}{path}",
    secrets={"DEMO_GITHUB_CLIENT_SECRET": _SECRET},
    overlay=Overlay(
        under={"site": {"contact": "help@observatory.example"}},
        over={
            "identity": {
                "provider": "github",
                "github": {
                    "client_id": CLIENT_ID,
                    "client_secret_file": f"{{state_dir}}/secrets/{_SECRET}",
                    "url": "{public_url}/demo-github",
                    "api_url": "{urls[demo-github]}/demo-github/api",
                },
            },
            "access": {
                "teams": ["first-light:dp0"],
                "blocked": ["bob-blocked"],
                "administrators": {"teams": ["first-light:admins"]},
            },
        },
    ),
    runs="demo",
)
"""The pretend GitHub, and the settings of a demo that use it."""
