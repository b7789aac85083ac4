"""The components that every platform has: the proxy, the hub itself, and what labs start from."""

from __future__ import annotations

from pathlib import Path

from firstlight_common import paths
from firstlight_common.components import Component
from firstlight_hub.components.settings import ForksSettings

__all__ = ["FORKS", "HUB", "PROXY"]

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

_FORK_SERVER = Path(__file__).parents[1] / "spawner" / "fork_server.py"

FORKS = Component(
    name="forks",
    command=(
        "{labs_python}",
        str(_FORK_SERVER).replace("{", "{{").replace("}", "}}"),
        "{state_dir}/run/forks/socket",
        "firstlight_lab.preload",
    ),
    health="unix:{state_dir}/run/forks/socket",
    # Numerical libraries start a thread for each core otherwise, and a thread does not survive a
    # fork. Nothing of the operator's home may be read: all labs would have it.
    environment={
        "LANG": "C.UTF-8",
        "OPENBLAS_NUM_THREADS": "1",
        "JE_ARROW_MALLOC_CONF": "background_thread:false",
        "HOME": "{state_dir}/run/forks",
    },
    settings=ForksSettings,
)
"""A process that has imported a lab's server, from which labs are forked."""
