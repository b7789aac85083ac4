"""The components that every platform has: the proxy and the hub itself."""

from __future__ import annotations

from firstlight_common import paths
from firstlight_common.components import Component

__all__ = ["HUB", "PROXY"]

PROXY = Component(
    name="proxy",
    command=(
        "{node}",
        "{proxy}",
        *("--ip", "{bind}", "--port", "{public_port}"),
        *("--api-ip", "127.0.0.1", "--api-port", "{port}"),
        *("--default-target", "{front}"),
        # The proxy appends the status code to this address.
        *("--error-target", "{error_pages}/_error/"),
        # Labs with origins of their own are told apart by their hosts.
        "{host_routing}",
        *("--log-level", "warn"),
        # Milliseconds in which nothing moves on an HTTP connection or on a websocket.
        *("--timeout", "3600000", "--websocket-timeout", "120000"),
    ),
    health="{entrance}{front_path}healthz",
    secrets={"CONFIGPROXY_AUTH_TOKEN": "proxy_token"},
    runs="always",
)
"""The only public address, which routes each path to its component."""

HUB = Component(
    name="hub",
    title="Notebooks",
    path=paths.HUB,
    command=(
        "{python}",
        *("-m", "firstlight_hub"),
    ),
    health="{url}{path}hub/firstlight/health",
    environment={"FIRSTLIGHT_STATE_DIR": "{state_dir}"},
    passed_on=("GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET"),
    secrets={"CONFIGPROXY_AUTH_TOKEN": "proxy_token", "JUPYTERHUB_CRYPT_KEY": "crypt_key"},
    secret_files=("cookie_secret", "service_operator"),
    runs="always",
)
"""JupyterHub, which logs people in and starts labs."""
