"""The three platforms that benchmarks of labs compare, side by side.

All are complete platforms of this checkout: the same hub, proxy and settings, each with its own
state directory. *Ours* is the platform as it comes, with walls around each lab as far as this
machine has them. *Without walls* has ``spawner.isolation: off``. In the *peer*, a file in
``jupyterhub_config.d/`` replaces our spawner with JupyterHub's own ``SimpleLocalProcessSpawner``,
which runs the same ``python -m jupyterhub.singleuser`` of the labs' environment, with the same
environment variables of the lab package: they configure JupyterLab and so affect its start-up time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path

from benchmarks.running import RunningPlatform, running
from benchmarks.session import Session
from firstlight_cli.paths import Installation
from firstlight_hub.spawner.machine import closed_directories

__all__ = ["OURS", "PEER", "PEER_NAME", "WITHOUT_WALLS", "lab_platforms"]

OURS, WITHOUT_WALLS, PEER = "ours", "without walls", "peer"
PEER_NAME = f"SimpleLocalProcessSpawner of JupyterHub {version('jupyterhub')}"

_PATIENCE = 600
"""Seconds until a start of the peer fails: a hundred at once take minutes."""
_PEER = """\
c.JupyterHub.spawner_class = "jupyterhub.spawner.SimpleLocalProcessSpawner"
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r}
c.Spawner.cmd = {command!r}
c.Spawner.args = {arguments!r}
c.Spawner.environment = dict(c.LabSpawner.installation.environment, JUPYTER_RUNTIME_DIR={runtime!r})
c.Spawner.start_timeout = c.Spawner.http_timeout = {patience}
"""


@contextmanager
def lab_platforms(session: Session, name: str) -> Iterator[dict[str, RunningPlatform]]:
    """Run the platforms that this machine can run; yield them by name."""
    closed = closed_directories((Installation.find().labs_python.resolve(),))
    sides = [OURS, WITHOUT_WALLS, PEER]
    if os.geteuid() == 0 and closed:
        sides.remove(WITHOUT_WALLS)
        session.progress.console.print(
            f"{name}: nothing is measured without walls, because labs' accounts may not enter "
            f"{', '.join(map(str, sorted(closed)))}, where their Python is"
        )
    with ExitStack() as stack:
        found = {}
        for side in sides:
            state = session.new_state(f"{name}-{side.replace(' ', '-')}")
            config = _configure(state.root.parent, side)
            found[side] = stack.enter_context(running(state, config=config))
        yield found


def _configure(folder: Path, side: str) -> Path:
    """Write a platform's configuration; return its ``platform.yaml``."""
    config = folder / "platform.yaml"
    config.write_text("spawner: {isolation: off}\n" if side == WITHOUT_WALLS else "{}\n")
    if side == PEER:
        hook = folder / "jupyterhub_config.d" / "spawner.py"
        hook.parent.mkdir()
        # JupyterHub's spawner runs labs under the hub's account; root needs an explicit option.
        arguments = ["--allow-root"] if os.geteuid() == 0 else []
        command = [str(Installation.find().labs_python), "-m", "jupyterhub.singleuser"]
        homes = str(folder / "homes" / "{username}")
        values = {"homes": homes, "command": command, "arguments": arguments}
        # Paths of kernels' sockets may have 107 characters, and the folder's has many already.
        hook.write_text(_PEER.format(**values, runtime=str(folder / "run"), patience=_PATIENCE))
    return config
