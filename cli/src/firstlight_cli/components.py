"""From described components to those of a run: ports chosen, placeholders filled in."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, JsonValue

from firstlight_cli.errors import OperatorError
from firstlight_cli.paths import PYTHON, Installation
from firstlight_common.commands import make
from firstlight_common.origins import reachable
from firstlight_common.places import Places
from firstlight_common.runtime import DataSet, RuntimeComponent

__all__ = ["Description", "Programs", "describe_places", "fill", "find_node"]


class Template(BaseModel):
    """A component as the hub's registry describes it; its strings have placeholders."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str
    path: str
    more_paths: tuple[str, ...]


class Description(BaseModel):
    """What ``python -m firstlight_hub.describe`` prints."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    settings: dict[str, JsonValue]
    components: tuple[Template, ...]
    datasets: tuple[DataSet, ...]
    under: dict[str, JsonValue]
    over: dict[str, JsonValue]

    @property
    def front(self) -> Template:
        """The component that serves the front page; the registry makes sure that there is one."""
        return self._at("/") or self.components[0]

    @property
    def error_pages(self) -> Template:
        """The component that serves the error pages; without one, that with the front page."""
        return self._at("/_error/") or self.front

    def _at(self, path: str) -> Template | None:
        return next((o for o in self.components if path in (o.path, *o.more_paths)), None)


@dataclass(frozen=True)
class Programs:
    """The programs that a run starts components with."""

    python: str
    node: str
    proxy: str
    labs_python: str

    @classmethod
    def find(cls) -> Programs:
        """Return this installation's.

        Raises
        ------
        OperatorError
            If Node.js is missing.
        """
        installation = Installation.find()
        return cls(
            PYTHON,
            find_node(installation),
            str(installation.proxy),
            str(installation.labs_python),
        )


def describe_places(
    description: Description,
    state_dir: Path,
    programs: Programs,
    *,
    ports: Mapping[str, int],
    bind: str,
    public_port: int,
    public_url: str,
    labs_domain: str = "",
) -> Places:
    """Return what the placeholders of a description stand for in this run."""
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    host = reachable(bind)
    front = description.front
    return Places(
        ports=ports,
        urls=urls,
        public_url=public_url,
        public_port=public_port,
        entrance=f"http://{f'[{host}]' if ':' in host else host}:{public_port}",
        front=urls[front.name],
        front_path=front.path,
        error_pages=urls[description.error_pages.name],
        bind=bind,
        state_dir=str(state_dir),
        python=programs.python,
        node=programs.node,
        proxy=programs.proxy,
        labs_python=programs.labs_python,
        host_routing="--host-routing" if labs_domain else "",
    )


def fill(templates: Sequence[Template], places: Places) -> tuple[RuntimeComponent, ...]:
    """Return the components of a run."""
    return tuple(_fill(template, places) for template in templates)


def _fill(template: Template, places: Places) -> RuntimeComponent:
    url = places.urls[template.name]
    own: dict[str, str | int] = {
        "url": url,
        "port": urlsplit(url).port or 0,
        "path": template.path,
    }
    filled = places.fill(template.model_dump(mode="json"), own)
    component = RuntimeComponent.model_validate(
        {**filled, **own} if isinstance(filled, dict) else own
    )
    # A placeholder for an option that this run does not use is empty.
    return component.model_copy(update={"command": tuple(filter(None, component.command))})


def find_node(installation: Installation) -> str:
    """Return the path of Node.js: the one that ``make`` installed, or the machine's.

    Raises
    ------
    OperatorError
        If there is neither.
    """
    own = installation.node_folder / "node"
    found = str(own) if own.exists() else shutil.which("node")
    if not found:
        raise OperatorError(
            "Node.js is missing; the proxy needs it.",
            f"Run `{make('environments')}`, which installs it.",
        )
    return found
