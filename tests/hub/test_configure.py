"""From settings to traitlets, with a bare ``Config()``: nothing is read, nothing is started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from traitlets.config import Config

from firstlight_hub.auth import FirstLightGitHubAuthenticator, LocalLinkAuthenticator
from firstlight_hub.configure import configure
from firstlight_hub.settings import parse_settings
from firstlight_hub.spawner.spawner import LabSpawner
from tests.runtimes import runtime_of

DATA_SERVICES = {"butler": "/api/butler/", "portal": "/portal/", "tap": "/api/tap/"}
SECRETS = {
    "cookie_secret": "ab" * 32,
    **{f"service_{name}": f"token-{name}" for name in (*DATA_SERVICES, "operator")},
}
GITHUB = "identity: {provider: github, github: {client_id: x}}"


def configured(yaml: str = "", **runtime: Any) -> Config:
    c = Config()
    configure(c, parse_settings(yaml), runtime_of(yaml, **runtime), SECRETS)
    return c


def test_an_empty_file_is_a_whole_configuration() -> None:
    c = configured()

    assert c.JupyterHub.bind_url == "http://127.0.0.1:8000/nb/"
    assert c.JupyterHub.authenticator_class is LocalLinkAuthenticator
    assert c.JupyterHub.spawner_class is LabSpawner
    assert c.ConfigurableHTTPProxy.should_start is False
    assert c.JupyterHub.cleanup_servers is False
    assert c.JupyterHub.cookie_secret == bytes.fromhex("ab" * 32)


def test_github_is_one_line_away() -> None:
    assert configured(GITHUB).JupyterHub.authenticator_class is FirstLightGitHubAuthenticator


@pytest.mark.parametrize(
    ("yaml", "demo", "routes"),
    [
        ("", False, {"/", "/api/tap/", "/api/butler/", "/portal/"}),
        ("", True, {"/", "/api/tap/", "/api/butler/", "/portal/", "/demo-github/"}),
        (
            "services: {tap: {enabled: false}, butler: {enabled: false}}",
            False,
            {"/", "/portal/"},
        ),
        # The portal's process also serves the landing page.
        (
            "services: {portal: {enabled: false}}",
            False,
            {"/", "/api/tap/", "/api/butler/", "/portal/"},
        ),
    ],
)
def test_only_what_runs_has_a_route(yaml: str, demo: bool, routes: set[str]) -> None:
    found = set(configured(yaml, demo=demo).Proxy.extra_routes)

    assert found == {*routes, "/_error/", "/assets/"}


@pytest.mark.parametrize(
    ("url", "secure"), [("https://data.example", True), ("http://127.0.0.1:8000", False)]
)
def test_cookies_are_secure_wherever_the_site_is(url: str, secure: bool) -> None:
    options = configured(public_url=url).JupyterHub.tornado_settings["cookie_options"]

    assert options == {"secure": secure, "samesite": "Lax"}


def test_every_address_comes_from_the_settings() -> None:
    c = configured(public_url="https://data.example", port=8443, bind="::")

    assert c.JupyterHub.public_url == "https://data.example/nb/"
    assert c.JupyterHub.bind_url == "http://[::]:8443/nb/"
    redirects = {entry.get("oauth_redirect_uri") for entry in c.JupyterHub.services} - {None}
    assert redirects == {
        f"https://data.example{path}oauth_callback" for path in DATA_SERVICES.values()
    }


def test_a_labs_token_opens_the_data_services_and_nothing_more() -> None:
    assert configured().LabSpawner.data_scopes == [
        f"access:services!service={name}" for name in DATA_SERVICES
    ]


def test_people_may_only_what_is_theirs() -> None:
    roles = {role["name"]: role for role in configured().JupyterHub.load_roles}

    assert set(roles) == {"user", "operator"}
    assert roles["user"]["scopes"] == [
        "self",
        *(f"access:services!service={name}" for name in DATA_SERVICES),
    ]
    assert roles["operator"]["services"] == ["operator"]


def test_sizes_and_time_outs_reach_the_spawner() -> None:
    c = configured(
        "labs: {sizes: [{name: tiny, title: Tiny, cpu: 0.5, memory: 512Mi}], default_size: tiny}\n"
        "spawner: {start_timeout: 30s, isolation: require}\n"
    )

    assert [size.name for size in c.LabSpawner.labs.sizes] == ["tiny"]
    assert c.LabSpawner.settings.isolation == "require"
    assert c.Spawner.start_timeout == 30


def test_state_lies_in_the_state_directory() -> None:
    c = configured(state_dir=Path("/elsewhere"))

    assert c.JupyterHub.db_url == "sqlite:////elsewhere/hub/jupyterhub.sqlite"
    assert c.PeopleAuthenticator.people_url == "sqlite:////elsewhere/hub/people.sqlite"
    assert c.LabSpawner.state_dir == "/elsewhere"


def test_no_token_is_without_end() -> None:
    assert configured().JupyterHub.token_expires_in_max_seconds == 90 * 86400
    yaml = "identity: {token_lifetime: 7d}"
    assert configured(yaml).JupyterHub.token_expires_in_max_seconds == 7 * 86400


def test_labs_share_the_hubs_origin_without_a_domain() -> None:
    c = configured(public_url="https://data.example")

    assert c.JupyterHub.subdomain_host == ""
    assert c.JupyterHub.cookie_host_prefix_enabled is False


def test_labs_have_origins_of_their_own_with_one() -> None:
    c = configured(public_url="https://data.example:8443", labs_domain="labs.example")

    assert c.JupyterHub.subdomain_host == "https://labs.example:8443"
    assert c.JupyterHub.public_url == "https://data.example:8443/nb/"
    assert c.JupyterHub.subdomain_hook("vera", "data.example", "user") == "vera.labs.example"
    assert c.JupyterHub.cookie_host_prefix_enabled is True
    assert all(not route.startswith("/") for route in c.Proxy.extra_routes)
