"""The ``firstlight`` command: start, inspect and operate a First Light platform."""

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("firstlight-cli")
