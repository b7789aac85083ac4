"""What ``firstlight up`` would write for a run, without starting anything."""

from __future__ import annotations

from pathlib import Path

from firstlight_cli.components import Description, Programs, describe_places, fill
from firstlight_common.runtime import Runtime
from firstlight_hub.components import discover
from firstlight_hub.describe import describe
from firstlight_hub.settings import parse_settings

__all__ = ["PORTS", "runtime_of"]

PORTS = {component.name: number for number, component in enumerate(discover(), 1)}
"""The port of each installed component."""


def runtime_of(
    yaml: str = "",
    *,
    state_dir: Path = Path("/srv/fl"),
    demo: bool = False,
    public_url: str = "http://127.0.0.1:8000",
    labs_domain: str = "",
    bind: str = "127.0.0.1",
    port: int = 8000,
) -> Runtime:
    """Return the runtime of a configuration, with the components that are installed."""
    described = Description.model_validate(
        describe(discover(), parse_settings(yaml), state_dir, demo=demo)
    )
    places = describe_places(
        described,
        state_dir,
        Programs("/opt/platform/bin/python", "/usr/bin/node", "/opt/proxy", "/opt/labs/bin/python"),
        ports=PORTS,
        bind=bind,
        public_port=port,
        public_url=public_url,
        labs_domain=labs_domain,
    )
    return Runtime(
        state_dir=state_dir,
        demo=demo,
        bind=bind,
        port=port,
        public_url=public_url,
        labs_domain=labs_domain,
        labs_python=Path("/opt/labs/bin/python"),
        tutorials_dir=Path("/opt/tutorials"),
        version="0.1.0",
        components=fill(described.components, places),
        datasets=described.datasets,
    )
