"""Lab start: our spawner against JupyterHub's own ``SimpleLocalProcessSpawner``.

From the request to start a lab to the lab's first answer (``/api/status``) at the public address.
Both sides are whole platforms of this checkout: the same hub, proxy and settings, each with a state
directory of its own, and the same ``python -m jupyterhub.singleuser`` of the labs' environment. In
one of them, a file in ``jupyterhub_config.d/`` puts JupyterHub's spawner in the place of ours, and
gives its labs the variables that ours gets of the labs' package: they configure JupyterLab, and so
change how long it takes. The two run side by side and start labs in turn, after one that does not
count (new home, cold files).

Ours does more on the way: private namespaces, limits, an account, a token for the data services.
It looks for the lab's port often, where the hub backs off exponentially; that part is not measured
apart. The values spread widely, the peer's above all: look at least and most too.
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

__all__ = ["run"]

_PEER = """\
c.JupyterHub.spawner_class = "jupyterhub.spawner.SimpleLocalProcessSpawner"
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r}
c.Spawner.cmd = {command!r}
c.Spawner.args = {arguments!r}
c.Spawner.environment = dict(c.LabSpawner.installation.environment)
"""


def run(session: Session) -> list[Comparison]:
    """Compare the starts of labs."""
    rounds = session.rounds(10)
    ours, peer = session.new_state("lab-start-ours"), session.new_state("lab-start-peer")
    config = _with_peer(peer.root.parent)
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


def _with_peer(folder: Path) -> Path:
    """Write a configuration with the other spawner; return its ``platform.yaml``."""
    config = folder / "platform.yaml"
    config.write_text("{}\n")
    hook = folder / "jupyterhub_config.d" / "spawner.py"
    hook.parent.mkdir()
    # JupyterHub's spawner runs labs as whoever runs the hub; as root they have to be told so.
    arguments = ["--allow-root"] if os.geteuid() == 0 else []
    command = [str(Installation.find().labs_python), "-m", "jupyterhub.singleuser"]
    homes = str(folder / "homes" / "{username}")
    hook.write_text(_PEER.format(homes=homes, command=command, arguments=arguments))
    return config
