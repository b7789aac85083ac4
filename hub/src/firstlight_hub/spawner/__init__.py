"""Labs: where they run, what they find there, and which limits apply.

What needs JupyterHub is in modules of its own: ``firstlight status`` asks this package, too, and
should not wait for JupyterHub to be imported.
"""

from firstlight_hub.spawner.machine import inspect, probe
from firstlight_hub.spawner.policy import guarantees
from firstlight_hub.spawner.shortages import Shortages
from firstlight_hub.spawner.slow_starts import SlowStarts
from firstlight_hub.spawner.start_queue import StartQueue

__all__ = [
    "Shortages",
    "SlowStarts",
    "StartQueue",
    "guarantees",
    "inspect",
    "probe",
]
