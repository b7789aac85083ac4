from __future__ import annotations

from typing import Any

import pytest
from traitlets.config import Config

from firstlight_hub.auth import (
    FirstLightGitHubAuthenticator,
    Lists,
    LocalLinkAuthenticator,
    configure_authenticator,
)
from firstlight_hub.settings import Runtime, Settings

RUNTIME = Runtime.model_validate(
    {
        "state_dir": "/srv/fl",
        "public_url": "https://data.example.org",
        "components": [],
        "labs_python": "/labs/bin/python",
        "tutorials_dir": "/tutorials",
        "version": "0",
    }
)


def configured(settings: dict[str, Any]) -> Any:
    c = Config()
    configure_authenticator(c, Settings.model_validate(settings), RUNTIME)
    return c


def test_an_empty_file_means_one_time_links() -> None:
    c = configured({})
    assert c.JupyterHub.authenticator_class is LocalLinkAuthenticator
    authenticator = LocalLinkAuthenticator(config=c)
    assert authenticator.lists == Lists()
    assert authenticator.auth_refresh_age == 300
    assert authenticator.public_origin == "https://data.example.org"


def test_github_is_configured_with_lists_and_addresses() -> None:
    c = configured(
        {
            "identity": {
                "provider": "github",
                "refresh": "90s",
                "outage_grace": "1h",
                "github": {"client_id": "abc"},
            },
            "access": {"users": ["Mona"], "blocked": ["X"], "administrators": {"teams": ["a:b"]}},
            "site": {"contact": "help@example.org"},
        }
    )
    assert c.JupyterHub.authenticator_class is FirstLightGitHubAuthenticator
    authenticator = FirstLightGitHubAuthenticator(config=c)
    assert authenticator.oauth_callback_url == "https://data.example.org/nb/hub/oauth_callback"
    assert authenticator.github_api == "https://api.github.com"
    assert authenticator.authorize_url == "https://github.com/login/oauth/authorize"
    assert (authenticator.auth_refresh_age, authenticator.outage_grace) == (90, 3600.0)
    assert authenticator.lists.users == {"mona"}
    assert authenticator.lists.admin_teams == {"a:b"}
    assert authenticator.people_url == "sqlite:////srv/fl/hub/people.sqlite"


@pytest.mark.parametrize("provider", ["local", "github"])
def test_the_safe_choices_are_made(provider: str) -> None:
    github = {"client_id": "abc"}
    c = configured({"identity": {"provider": provider, "github": github}})
    authenticator = c.JupyterHub.authenticator_class(config=c)
    assert authenticator.enable_auth_state
    assert authenticator.manage_groups
    assert authenticator.refresh_pre_spawn
    assert authenticator.auth_refresh_strict
    assert not authenticator.allow_all


def test_the_client_secret_is_read_from_its_file(tmp_path: Any) -> None:
    path = tmp_path / "secret"
    path.write_text("s3cret\n")
    github = {"client_id": "abc", "client_secret_file": str(path)}
    c = configured({"identity": {"provider": "github", "github": github}})
    assert "s3cret" not in str(c)
    assert FirstLightGitHubAuthenticator(config=c).client_secret == "s3cret"
