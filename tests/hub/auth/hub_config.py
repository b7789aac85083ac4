"""A hub for the tests: real, without a proxy, with labs that are a sleeping process."""

import json
import os
from pathlib import Path

from jupyterhub.proxy import Proxy
from jupyterhub.spawner import SimpleLocalProcessSpawner
from jupyterhub.utils import random_port
from traitlets.config import Config

from firstlight_hub.auth import configure_authenticator, start_rechecks
from firstlight_hub.pages import template_paths
from firstlight_hub.protocols import Hub
from firstlight_hub.settings import Runtime, settings_model

test = json.loads(Path(os.environ["FIRSTLIGHT_TEST_CONFIG"]).read_text())
folder, port = Path(test["folder"]), test["port"]
(folder / "hub").mkdir(exist_ok=True)
c: Config = get_config()  # type: ignore[name-defined]  # noqa: F821


class NoProxy(Proxy):  # type: ignore[misc]
    """Remembers routes, forwards nothing; the tests talk to the hub itself."""

    should_start = False
    _routes: dict[str, dict[str, object]] = {}  # noqa: RUF012

    async def add_route(self, routespec: str, target: str, data: dict[str, object]) -> None:
        self._routes[routespec] = {"routespec": routespec, "target": target, "data": data}

    async def delete_route(self, routespec: str) -> None:
        self._routes.pop(routespec, None)

    async def get_all_routes(self) -> dict[str, dict[str, object]]:
        return self._routes


class SleepingLab(SimpleLocalProcessSpawner):  # type: ignore[misc]
    """A web server that answers anything."""

    home_dir_template = str(folder)

    async def start(self) -> tuple[str, int]:
        self.port = random_port()
        self.cmd = ["python3", "-m", "http.server", "--bind", "127.0.0.1", str(self.port)]
        started: tuple[str, int] = await super().start()
        return started

    def get_args(self) -> list[str]:
        return []


runtime = Runtime.model_validate(
    {
        "state_dir": folder,
        "public_url": f"http://127.0.0.1:{port}",
        "components": [],
        "labs_python": "/usr/bin/python3",
        "tutorials_dir": "/",
        "version": "0",
    }
)
settings = settings_model().model_validate(test["settings"])
configure_authenticator(c, settings, runtime)
for name, value in test.get("authenticator", {}).items():
    setattr(c.Authenticator, name, value)


async def broken_hook(hub: Hub) -> None:
    """Fail: the hooks after it run all the same."""
    raise RuntimeError("this hook is broken")


c.FirstLightHub.start_hooks = [broken_hook, start_rechecks]
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{port}"
c.JupyterHub.bind_url = f"http://127.0.0.1:{port}/nb/"
c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.spawner_class = SleepingLab
c.JupyterHub.db_url = f"sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret = b"x" * 32
c.JupyterHub.template_paths = template_paths()
c.JupyterHub.template_vars = {
    "firstlight": {"site": "Test", "provider": settings.identity.provider}
}
c.JupyterHub.services = [{"name": "operator", "api_token": test["operator_token"]}]
c.JupyterHub.load_roles = [
    {
        "name": "operator",
        "scopes": ["admin:users", "admin:servers", "tokens"],
        "services": ["operator"],
    }
]
