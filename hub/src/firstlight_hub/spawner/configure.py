"""From settings to the spawner's traits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from traitlets.config import Config

from firstlight_common.runtime import Runtime
from firstlight_hub.components.builtin import FORKS
from firstlight_hub.settings import Settings
from firstlight_hub.spawner.spawner import LabSpawner

__all__ = ["configure_spawner"]


def configure_spawner(
    c: Config, settings: Settings, runtime: Runtime, *, scopes: Sequence[str]
) -> None:
    """Set the traits of the spawner; finds nothing out about the machine.

    Parameters
    ----------
    c
        A traitlets ``Config``; it is filled in.
    settings
        The resolved ``platform.yaml``.
    runtime
        This run's addresses and places.
    scopes
        What a lab's token for the data services may do.
    """
    c.JupyterHub.spawner_class = LabSpawner
    lab = c.LabSpawner
    lab.labs = settings.labs
    lab.settings = settings.spawner
    lab.state_dir = str(runtime.state_dir)
    lab.tutorials_dir = str(runtime.tutorials_dir)
    lab.runtime = runtime
    if runtime.has(FORKS.name):
        lab.forks = str(runtime.component(FORKS.name).socket)
    lab.contact = settings.site.contact
    lab.data_scopes = list(scopes)
    lab.apply_user_options = _leave_to_the_start
    # A configuration file in a home must not keep a lab from starting, or replace its login.
    c.Spawner.disable_user_config = True
    # `lab_variables` decides what a lab inherits: not the hub's PATH, PYTHONPATH or VIRTUAL_ENV.
    c.Spawner.env_keep = []
    c.Spawner.start_timeout = round(settings.spawner.start_timeout.total_seconds())
    c.Spawner.http_timeout = round(settings.spawner.start_timeout.total_seconds())
    # Seconds between the hub's checks of a lab; the default of 30 s is slow to notice its end.
    c.Spawner.poll_interval = 10


def _leave_to_the_start(spawner: LabSpawner, options: Mapping[str, str]) -> None:
    """Do nothing: a start looks up the size first, and says in words what is wrong with it."""
