"""Labs: where they run, what they find there, and which limits apply."""

from firstlight_hub.spawner.configure import configure_spawner
from firstlight_hub.spawner.form import options_form
from firstlight_hub.spawner.leftovers import end_leftovers
from firstlight_hub.spawner.machine import inspect, probe
from firstlight_hub.spawner.policy import guarantees
from firstlight_hub.spawner.spawner import LabSpawner
from firstlight_hub.spawner.start_queue import StartQueue

__all__ = [
    "LabSpawner",
    "StartQueue",
    "configure_spawner",
    "end_leftovers",
    "guarantees",
    "inspect",
    "options_form",
    "probe",
]
