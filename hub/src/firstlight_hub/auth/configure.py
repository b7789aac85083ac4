"""From settings to the authenticator's traits."""

from __future__ import annotations

from traitlets.config import Config, LazyConfigValue

from firstlight_common import paths
from firstlight_common.runtime import Runtime
from firstlight_hub.auth.github import FirstLightGitHubAuthenticator
from firstlight_hub.auth.lists import lists_of
from firstlight_hub.auth.local import LocalLinkAuthenticator
from firstlight_hub.settings import Settings

__all__ = ["configure_authenticator"]


def configure_authenticator(c: Config, settings: Settings, runtime: Runtime) -> None:
    """Set the traits of the authenticator; reads no file and no secret.

    Parameters
    ----------
    c
        A traitlets ``Config``; it is filled in.
    settings
        The resolved ``platform.yaml``.
    runtime
        This run's addresses and places.
    """
    identity = settings.identity
    c.Authenticator.auth_refresh_age = max(1, round(identity.refresh.total_seconds()))
    c.Authenticator.enable_auth_state = True
    c.Authenticator.manage_groups = True
    c.Authenticator.refresh_pre_spawn = True
    c.Authenticator.auth_refresh_strict = True
    people = c.PeopleAuthenticator
    people.people_url = f"sqlite:///{runtime.state_dir / 'hub' / 'people.sqlite'}"
    people.lists = lists_of(settings.access)
    people.settings_file = str(runtime.state_dir / "run" / "settings.json")
    people.contact = settings.site.contact
    people.public_origin = runtime.public_url
    if identity.provider == "github":
        c.JupyterHub.authenticator_class = FirstLightGitHubAuthenticator
        _github(c.FirstLightGitHubAuthenticator, settings, runtime)
    else:
        c.JupyterHub.authenticator_class = LocalLinkAuthenticator


def _github(github: LazyConfigValue, settings: Settings, runtime: Runtime) -> None:
    github.oauth_callback_url = f"{runtime.public_url}{paths.HUB}hub/oauth_callback"
    github.outage_grace = settings.identity.outage_grace.total_seconds()
    ours = settings.identity.github
    if ours is None:
        raise ValueError("identity.github is missing")  # the settings model does not let this by
    github.client_id = ours.client_id
    github.client_secret_file = str(ours.client_secret_file or "")
    github.github_url = str(ours.url).rstrip("/")
    github.github_api = str(ours.api_url).rstrip("/")
