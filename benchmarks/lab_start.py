"""Lab start: our spawner compared with JupyterHub's own ``SimpleLocalProcessSpawner``.

The time is measured from the request to start a lab to the lab's first response (``/api/status``)
at the public address. Both sides are complete platforms of this checkout: the same hub, proxy and
settings, each with its own state directory, and the same ``python -m jupyterhub.singleuser`` in the
labs' environment. In one of them, a file in ``jupyterhub_config.d/`` replaces our spawner with
JupyterHub's, and sets the same environment variables of the lab package: they configure JupyterLab
and so affect its start-up time. The two run side by side and start labs alternately. The first
start of each (new home, cold files) is not counted.

Our side does more: private namespaces, limits, an account, and a token for the data services. It
polls the lab's port frequently, where the hub backs off exponentially; the effect of that was not
measured separately. The values vary widely, the peer's most of all, so consider the minimum and
maximum too.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from benchmarks.measure import Comparison, interleave
from benchmarks.running import RunningPlatform, running
from benchmarks.session import Session
from firstlight_cli.paths import Installation

__all__ = ["run", "with_peer"]

_PEER = """\
c.JupyterHub.spawner_class = "jupyterhub.spawner.SimpleLocalProcessSpawner"
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r}
c.Spawner.cmd = {command!r}
c.Spawner.args = {arguments!r}
c.Spawner.environment = dict(c.LabSpawner.installation.environment)
"""


def run(session: Session) -> list[Comparison]:
    """Compare lab starts with the two spawners."""
    rounds = session.rounds(10)
    ours, peer = session.new_state("lab-start-ours"), session.new_state("lab-start-peer")
    config = with_peer(peer.root.parent)
    with (
        session.steps("lab-start: measuring", 2 * (rounds + 1)) as step,
        running(ours) as one,
        running(peer, config=config) as other,
    ):
        sides = {"ours": _start(one), "peer": _start(other)}
        interleave(1, sides, step)
        taken = interleave(rounds, sides, step)
    name = f"SimpleLocalProcessSpawner of JupyterHub {version('jupyterhub')}"
    return [Comparison("lab start, to its first answer", "s", taken["ours"], taken["peer"], name)]


def _start(platform: RunningPlatform) -> Callable[[], float]:
    platform.log_in()

    def start() -> float:
        took = platform.start_lab()
        platform.stop_lab()
        return took

    return start


def with_peer(folder: Path) -> Path:
    """Write a configuration with JupyterHub's spawner; return its ``platform.yaml``."""
    config = folder / "platform.yaml"
    config.write_text("{}\n")
    hook = folder / "jupyterhub_config.d" / "spawner.py"
    hook.parent.mkdir()
    # JupyterHub's spawner runs labs under the hub's account; root needs an explicit option.
    arguments = ["--allow-root"] if os.geteuid() == 0 else []
    command = [str(Installation.find().labs_python), "-m", "jupyterhub.singleuser"]
    homes = str(folder / "homes" / "{username}")
    hook.write_text(_PEER.format(homes=homes, command=command, arguments=arguments))
    return config
