"""``run/runtime.json``: what one run is made of, written by ``firstlight up``, read by all.

Notes
-----
Keys of a newer release are ignored, so that components can be upgraded one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from firstlight_common.origins import Origins
from firstlight_common.sockets import socket_of

__all__ = [
    "CLIENT_PREFIX",
    "DataSet",
    "Position",
    "Runtime",
    "RuntimeComponent",
    "RuntimePage",
    "client_id",
    "load_runtime",
    "sample_folder",
    "token_secret",
]


CLIENT_PREFIX = "service-"
"""How the OAuth client ids of our services begin; JupyterHub requires it."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Position(_Part):
    """A position on the sky; degrees, ICRS."""

    ra: float
    dec: float


class DataSet(_Part):
    """A data set of the site, with all places resolved.

    Attributes
    ----------
    label
        Its name in addresses and for ``Butler(LABEL)``.
    felis
        Its Felis schema file; none: it has no catalogs.
    catalog
        The folder with its tables, ``<table>.parquet`` each.
    store
        Where the catalog service keeps them: a path to which the query engine adds its ending.
    repository
        The folder of its Butler repository; none: it has no images.
    collections
        The collections to start from.
    position
        A position where there is something to see.
    sample
        Whether it is the simulated sample, which the platform makes itself.
    """

    label: str
    title: str
    felis: Path | None = None
    catalog: Path | None = None
    store: Path | None = None
    repository: Path | None = None
    collections: tuple[str, ...] = ()
    position: Position | None = None
    sample: bool = False


class RuntimePage(_Part):
    """A page for people; see `firstlight_common.components.Page`.

    Attributes
    ----------
    component
        The name of its component.
    path
        Its public path.
    """

    component: str
    title: str
    description: str
    path: str
    needs: tuple[str, ...] = ()


class RuntimeComponent(_Part):
    """A component as this run has it; see `firstlight_common.components.Component`.

    Attributes
    ----------
    runs
        Whether this run has it.
    enabled
        Whether its settings enable it; some run all the same, such as the one with the front page.
    port
        Its port on loopback.
    url
        Its address on loopback, without a slash at its end.
    hub_service
        Whether it is a service of the hub.
    allows
        What its scope allows, for people.
    acts_at
        Names of services that it calls on a person's behalf.
    page
        The page that people open, if it has one.
    """

    name: str
    title: str = ""
    runs: bool = True
    enabled: bool = True
    path: str = ""
    more_paths: tuple[str, ...] = ()
    port: int
    url: str
    health: str
    command: tuple[str, ...]
    prepare: tuple[str, ...] = ()
    environment: Mapping[str, str] = {}
    passed_on: tuple[str, ...] = ()
    secrets: Mapping[str, str] = {}
    secret_files: tuple[str, ...] = ()
    hub_service: bool = False
    allows: str = ""
    acts_at: tuple[str, ...] = ()
    page: RuntimePage | None = None

    @property
    def socket(self) -> Path | None:
        """The socket that it listens on instead of its port, if its health address names one."""
        return socket_of(self.health)

    @property
    def scope(self) -> str:
        """The hub's scope that lets a token use it."""
        return f"access:services!service={self.name}"

    @property
    def token_secret(self) -> str:
        """The name of the secret with its token at the hub."""
        return token_secret(self.name)

    @property
    def paths(self) -> tuple[str, ...]:
        """All of its public paths."""
        return (*((self.path,) if self.path else ()), *self.more_paths)


class Runtime(_Part):
    """The addresses, places and components of one run.

    Attributes
    ----------
    public_url
        Scheme, host and port; no slash at its end.
    labs_domain
        The domain below which each lab has a host of its own; empty: labs share `public_url`.
    """

    state_dir: Path
    config: Path | None = None
    demo: bool = False
    bind: str = "127.0.0.1"
    port: int = 8000
    public_url: str
    labs_domain: str = ""
    labs_python: Path
    tutorials_dir: Path
    version: str
    components: tuple[RuntimeComponent, ...]
    datasets: tuple[DataSet, ...] = ()

    @property
    def origins(self) -> Origins:
        """The main origin, and those of the labs."""
        return Origins(self.public_url, self.labs_domain)

    def component(self, name: str) -> RuntimeComponent:
        """Return a component by its name.

        Raises
        ------
        KeyError
            If the platform has none of this name.
        """
        for component in self.components:
            if component.name == name:
                return component
        raise KeyError(name)

    def running(self) -> Iterator[RuntimeComponent]:
        """Give the components that this run has."""
        return (component for component in self.components if component.runs)

    def services(self) -> Iterator[RuntimeComponent]:
        """Give the components that are services of the hub, running or not."""
        return (component for component in self.components if component.hub_service)

    def front(self) -> RuntimeComponent:
        """Return the component that serves the front page, ``/``."""
        return next(component for component in self.components if "/" in component.paths)

    def pages(self) -> Iterator[RuntimePage]:
        """Yield the pages that this run offers to people."""
        running = {component.name for component in self.running()}
        for component in self.running():
            page = component.page
            if page is not None and component.enabled and running.issuperset(page.needs):
                yield page

    def has(self, name: str) -> bool:
        """Return whether a component runs."""
        return any(component.name == name for component in self.running())


def client_id(component: str) -> str:
    """Return a component's OAuth client id at the hub."""
    return f"{CLIENT_PREFIX}{component}"


def sample_folder(state_dir: Path) -> Path:
    """Return the folder of the simulated sample: ``butler``, ``catalog``, ``preview.png``."""
    return state_dir / "data" / "sample"


def token_secret(component: str) -> str:
    """Return the name of the secret with a component's token at the hub."""
    return f"service_{component.replace('-', '_')}"


def load_runtime(state_dir: Path) -> Runtime:
    """Read ``run/runtime.json`` of a state directory.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is not what ``firstlight up`` writes.
    """
    return Runtime.model_validate_json((state_dir / "run" / "runtime.json").read_text("utf-8"))
