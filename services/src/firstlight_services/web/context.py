"""What a service knows about where it runs: settings, runtime, its own address."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from firstlight_common.runtime import DataSet

__all__ = ["Runtime", "ServiceContext", "ServiceSettings", "load_context"]

_PREFIXES = {"tap": "/api/tap/", "butler": "/api/butler/", "portal": "/portal/"}


class _Part(BaseModel):
    """A part of ``settings.json``: what services need of it; the hub's model is the full one."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class SiteSettings(_Part):
    """Who runs the site."""

    name: str = "First Light"
    tagline: str = "Images, catalogs and notebooks, side by side."
    contact: str = "the operator of this site"
    audience: str = "People on this site's allow-list."


class IdentitySettings(_Part):
    """How people log in."""

    provider: str = "local"


class TapSettings(_Part):
    """Catalogs: limits of the query service."""

    enabled: bool = True
    engine: str = "duckdb"
    default_rows: int = 100_000
    max_rows: int = 5_000_000
    timeout: timedelta = timedelta(minutes=5)
    threads: int = 2
    memory: int = 2 * 1024**3


class ButlerSettings(_Part):
    """Images."""

    enabled: bool = True


class PortalSettings(_Part):
    """Catalog pages."""

    enabled: bool = True


class DataServices(_Part):
    """The data services' settings."""

    tap: TapSettings = TapSettings()
    butler: ButlerSettings = ButlerSettings()
    portal: PortalSettings = PortalSettings()
    token_cache: timedelta = timedelta(seconds=30)


class Branding(_Part):
    """The site's look."""

    accent: str = "#3557d6"
    logo: Path | None = None


class ServiceSettings(_Part):
    """The part of the resolved ``platform.yaml`` that services read."""

    site: SiteSettings = SiteSettings()
    identity: IdentitySettings = IdentitySettings()
    services: DataServices = DataServices()
    branding: Branding = Branding()


class Runtime(_Part):
    """What ``firstlight up`` decided: addresses and ports (``run/runtime.json``)."""

    state_dir: Path
    config: Path | None = None
    demo: bool = False
    public_url: str = "http://127.0.0.1:8000"
    ports: dict[str, int] = {}
    tutorials_dir: Path | None = None
    version: str = "0"
    datasets: tuple[DataSet, ...] = ()


@dataclass(frozen=True)
class ServiceContext:
    """Where a service runs.

    Attributes
    ----------
    name
        ``tap``, ``butler`` or ``portal``; also the service's name at the hub.
    prefix
        Public path of the service, with both slashes. The proxy keeps it, so handlers see it.
    port
        Port on 127.0.0.1 that the service listens on.
    hub_api_url, hub_token
        The hub's API and this service's own token for it.
    """

    name: str
    prefix: str
    state_dir: Path
    public_url: str
    port: int
    settings: ServiceSettings
    runtime: Runtime
    version: str
    hub_api_url: str
    hub_base_url: str
    hub_token: str

    def __repr__(self) -> str:
        # The token stays out of logs and tracebacks.
        return f"ServiceContext({self.name!r}, prefix={self.prefix!r}, port={self.port})"


def load_context(state_dir: Path, name: str) -> ServiceContext:
    """Read the state directory's ``run/`` files and the environment.

    Parameters
    ----------
    state_dir
        The platform's state directory.
    name
        The service's name; its port is ``ports[name]`` of the runtime file.

    Raises
    ------
    SystemExit
        If the files are missing or unreadable: the sentence says which and what to do.
    """
    run = state_dir / "run"
    try:
        runtime = Runtime.model_validate_json((run / "runtime.json").read_text())
        settings = ServiceSettings.model_validate(json.loads((run / "settings.json").read_text()))
        port = runtime.ports[name]
    except (OSError, ValueError, ValidationError, KeyError) as error:
        raise SystemExit(
            f"{name}: cannot read {run}: {error}. Start services through `firstlight up`."
        ) from error
    base_url = os.environ.get("JUPYTERHUB_BASE_URL", "/nb/")
    hub_port = runtime.ports.get("hub", 8081)
    return ServiceContext(
        name=name,
        prefix=os.environ.get("JUPYTERHUB_SERVICE_PREFIX") or _PREFIXES[name],
        state_dir=state_dir,
        public_url=runtime.public_url.rstrip("/"),
        port=port,
        settings=settings,
        runtime=runtime,
        version=version("firstlight-services"),
        hub_api_url=os.environ.get("JUPYTERHUB_API_URL")
        or f"http://127.0.0.1:{hub_port}{base_url}hub/api",
        hub_base_url=base_url,
        hub_token=os.environ.get("JUPYTERHUB_API_TOKEN", ""),
    )
