"""From ``platform.yaml`` to JupyterHub's traitlets: the hub's front door.

`configure` reads nothing and starts nothing: it turns typed settings into configuration, so that a
test can call it with a bare ``Config()`` and look at what comes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from firstlight_common import paths
from firstlight_common.runtime import client_id
from firstlight_hub import pages
from firstlight_hub.auth import configure_authenticator, start_rechecks
from firstlight_hub.components.builtin import FORKS, HUB, PROXY
from firstlight_hub.components.settings import ForksSettings
from firstlight_hub.origins import LabHosts, routes
from firstlight_hub.spawner.configure import configure_spawner
from firstlight_hub.spawner.fork_client import renew_forks
from firstlight_hub.spawner.leftovers import end_leftovers

if TYPE_CHECKING:
    from pydantic import JsonValue
    from traitlets.config import Config

    from firstlight_common.runtime import Runtime
    from firstlight_hub.settings import Settings

__all__ = ["configure"]


def configure(c: Config, settings: Settings, runtime: Runtime, secrets: Mapping[str, str]) -> None:
    """Turn settings into the hub's configuration.

    Parameters
    ----------
    c
        A traitlets ``Config``; it is filled in.
    settings
        The resolved ``platform.yaml``.
    runtime
        What ``firstlight up`` decided for this run: addresses, ports, paths.
    secrets
        ``cookie_secret`` and the API token of each service, by name.
    """
    _addresses(c, runtime)
    _proxy(c, runtime)
    _state(c, runtime, secrets)
    _sessions(c, settings, runtime)
    _services(c, runtime, secrets)
    _roles(c, runtime)
    _pages(c, settings, runtime)
    configure_authenticator(c, settings, runtime)
    c.PeopleAuthenticator.after_logout_url = f"{runtime.front().path}logout?from=hub"
    c.FirstLightHub.start_hooks = [
        start_rechecks,
        partial(end_leftovers, state_dir=runtime.state_dir),
    ]
    if runtime.has(FORKS.name) and (server := runtime.component(FORKS.name).socket):
        own = settings.services.model_dump().get(FORKS.name, {})
        age = ForksSettings.model_validate(own).renew
        c.FirstLightHub.start_hooks.append(partial(renew_forks, server=server, age=age))
    configure_spawner(c, settings, runtime, scopes=_access(runtime))


def _access(runtime: Runtime) -> list[str]:
    """Return the scopes that open the data services."""
    return [service.scope for service in runtime.services()]


def _addresses(c: Config, runtime: Runtime) -> None:
    host = f"[{runtime.bind}]" if ":" in runtime.bind else runtime.bind
    c.JupyterHub.bind_url = f"http://{host}:{runtime.port}{paths.HUB}"
    c.JupyterHub.public_url = f"{runtime.public_url}{paths.HUB}"
    c.JupyterHub.hub_bind_url = runtime.component(HUB.name).url
    origins = runtime.origins
    c.FirstLightHub.origins = origins
    # Each lab has an origin of its own, unless the site has no domain for them.
    c.JupyterHub.subdomain_host = origins.labs
    c.JupyterHub.subdomain_hook = LabHosts(origins)


def _proxy(c: Config, runtime: Runtime) -> None:
    """Use the proxy that the supervisor runs, so that a hub restart drops no websocket."""
    c.ConfigurableHTTPProxy.should_start = False
    c.ConfigurableHTTPProxy.api_url = runtime.component(PROXY.name).url
    # A proxy that was restarted has no routes until the hub's next look. Upstream's
    # `proxy_check_interval` is only for a proxy that the hub starts; this one compares routes too.
    c.JupyterHub.last_activity_interval = 3
    # Without a route, a path leads to the front page's "there is nothing here".
    c.Proxy.extra_routes = routes(runtime)


def _state(c: Config, runtime: Runtime, secrets: Mapping[str, str]) -> None:
    c.JupyterHub.db_url = f"sqlite:///{runtime.state_dir / 'hub' / 'jupyterhub.sqlite'}"
    c.JupyterHub.upgrade_db = True
    c.JupyterHub.cookie_secret = bytes.fromhex(secrets["cookie_secret"])
    # Labs and routes outlive the hub; `firstlight up` stops them when the platform stops.
    c.JupyterHub.cleanup_servers = False
    # At its start the hub asks each lab whether it is there. One that does not answer must not keep
    # everybody waiting: after this time the hub serves pages, and goes on asking.
    c.JupyterHub.init_spawners_timeout = 1
    c.JupyterHub.cleanup_proxy = False


def _sessions(c: Config, settings: Settings, runtime: Runtime) -> None:
    c.JupyterHub.cookie_max_age_days = settings.identity.session.total_seconds() / 86400
    c.JupyterHub.token_expires_in_max_seconds = int(
        settings.identity.token_lifetime.total_seconds()
    )
    # For the hub's login and the labs' cookies; `SecureHandler` does the same for all others.
    c.JupyterHub.cookie_host_prefix_enabled = runtime.origins.cookies_have_prefix
    c.JupyterHub.tornado_settings = {
        "cookie_options": {"secure": runtime.origins.is_https, "samesite": "Lax"},
        # A tornado setting, not a trait: 0 shows the progress page at once.
        "slow_spawn_timeout": 0,
    }
    c.JupyterHub.allow_named_servers = False
    c.JupyterHub.shutdown_on_logout = False


def _services(c: Config, runtime: Runtime, secrets: Mapping[str, str]) -> None:
    services: list[dict[str, JsonValue]] = [
        {
            "name": service.name,
            "api_token": secrets[service.token_secret],
            "oauth_client_id": client_id(service.name),
            "oauth_redirect_uri": f"{runtime.public_url}{service.path}oauth_callback",
            # These are components of the same platform: no "do you agree" page.
            "oauth_no_confirm": True,
            "oauth_client_allowed_scopes": [
                runtime.component(other).scope for other in service.acts_at
            ],
            "display": False,
        }
        for service in runtime.services()
    ]
    operator = {
        "name": "operator",
        "api_token": secrets["service_operator"],
        "display": False,
    }
    c.JupyterHub.services = [*services, operator]


def _roles(c: Config, runtime: Runtime) -> None:
    """Define who may do what; nobody may do more than is defined here."""
    access = _access(runtime)
    c.JupyterHub.load_roles = [
        {"name": "user", "scopes": ["self", *access]},
        {
            "name": "operator",
            "description": "The firstlight command on the operator's machine",
            "scopes": ["admin:users", "admin:servers", "tokens", "read:hub", *access],
            "services": ["operator"],
        },
    ]


def _pages(c: Config, settings: Settings, runtime: Runtime) -> None:
    c.JupyterHub.template_paths = pages.template_paths()
    c.JupyterHub.template_vars = {"firstlight": pages.template_vars(settings, runtime)}
    if settings.branding.logo is not None:
        c.JupyterHub.logo_file = str(settings.branding.logo)
    c.PeopleAuthenticator.page_handlers = pages.handlers(runtime.state_dir)
