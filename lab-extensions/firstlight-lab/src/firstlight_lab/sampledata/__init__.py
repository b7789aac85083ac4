"""Sample data: a small simulated sky, from truth to pixels to measured catalogs."""

from firstlight_lab.sampledata.build import build

__all__ = ["build"]
