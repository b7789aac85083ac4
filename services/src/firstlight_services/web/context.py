"""What a service knows about where it runs: its settings, the runtime, its own address."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue

from firstlight_common import paths
from firstlight_common.commands import firstlight
from firstlight_common.runtime import Runtime, RuntimeComponent, load_runtime
from firstlight_common.section import Section
from firstlight_services.web.hub import HUB_NAME

__all__ = ["ServiceContext", "SharedSettings", "load_context", "read_settings"]


class _Part(BaseModel):
    """A part of ``settings.json``; keys that services do not need are ignored."""

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


class Branding(_Part):
    """The site's look."""

    accent: str = "#3557d6"
    logo: Path | None = None


class SharedServiceSettings(_Part):
    """What holds for every service."""

    token_cache: timedelta = timedelta(seconds=30)


class SharedSettings(_Part):
    """The settings that all services read, whatever else they have of their own."""

    site: SiteSettings = SiteSettings()
    identity: IdentitySettings = IdentitySettings()
    branding: Branding = Branding()
    services: SharedServiceSettings = SharedServiceSettings()


class _Sections(_Part):
    """The services' own sections, each for its service to read."""

    services: dict[str, JsonValue] = {}


@dataclass(frozen=True)
class ServiceContext[S: Section]:
    """Where a service runs.

    Attributes
    ----------
    component
        The service itself, as this run has it.
    runtime
        The run: all of its components and data sets.
    shared
        The settings that all services read.
    settings
        The service's own section.
    version
        The version of this distribution, which may be newer than the runtime's.
    hub_api_url, hub_token
        The hub's API, and this service's own token for it.
    """

    component: RuntimeComponent
    runtime: Runtime
    shared: SharedSettings
    settings: S
    version: str
    hub_api_url: str
    hub_token: str

    @property
    def name(self) -> str:
        """The service's name, also at the hub."""
        return self.component.name

    @property
    def prefix(self) -> str:
        """The service's public path, with both slashes; the proxy keeps it in each request."""
        return self.component.path

    @property
    def state_dir(self) -> Path:
        """The platform's state directory."""
        return self.runtime.state_dir

    @property
    def public_url(self) -> str:
        """The site's public address, without a slash at its end."""
        return self.runtime.public_url.rstrip("/")

    def __repr__(self) -> str:
        # The token stays out of logs and tracebacks.
        return f"ServiceContext({self.name!r}, prefix={self.prefix!r}, port={self.component.port})"


def load_context[S: Section](state_dir: Path, name: str, model: type[S]) -> ServiceContext[S]:
    """Read the ``run/`` files of the state directory, and the environment.

    Parameters
    ----------
    state_dir
        The platform's state directory.
    name
        The component's name.
    model
        The model of the service's own section of the settings; `Section` if it has none.

    Raises
    ------
    SystemExit
        If the files are missing or unreadable. The message names the folder and the next step.
    """
    run = state_dir / "run"
    try:
        runtime = load_runtime(state_dir)
        document = (run / "settings.json").read_text("utf-8")
        shared, settings = read_settings(document, name, model)
        component = runtime.component(name)
        hub_api_url = os.environ.get("JUPYTERHUB_API_URL") or (
            f"{runtime.component(HUB_NAME).url}{paths.HUB}hub/api"
        )
    except (OSError, ValueError, KeyError) as error:
        raise SystemExit(
            f"{name}: cannot read {run}: {error}. Start services through `{firstlight('up')}`."
        ) from error
    return ServiceContext(
        component=component,
        runtime=runtime,
        shared=shared,
        settings=settings,
        version=version("firstlight-services"),
        hub_api_url=hub_api_url,
        hub_token=os.environ.get("JUPYTERHUB_API_TOKEN", ""),
    )


def read_settings[S: Section](document: str, name: str, model: type[S]) -> tuple[SharedSettings, S]:
    """Read the shared settings and one service's own from the resolved ``platform.yaml``.

    Parameters
    ----------
    document
        The content of ``settings.json``.

    Raises
    ------
    ValueError
        If it is not what ``firstlight up`` writes.

    Notes
    -----
    Unknown keys were refused when the platform started. Here they are ignored: they belong to
    another release, since components are upgraded one by one.
    """
    section = _Sections.model_validate_json(document).services.get(name, {})
    return (
        SharedSettings.model_validate_json(document),
        model.model_validate(section, extra="ignore"),
    )
