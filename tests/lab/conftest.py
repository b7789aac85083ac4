"""Fixtures: a small simulated field and the labs' environment."""

from __future__ import annotations

from tests.simulated import in_lab, sample, simulation, tables

__all__ = ["in_lab", "sample", "simulation", "tables"]
