"""The package that runs inside a First Light lab: image types, storage classes and settings."""

from __future__ import annotations

from pathlib import Path

__all__ = ["__version__", "config_dir"]

__version__ = "0.1.0"
"""The version of this distribution, the same for all."""


def config_dir() -> Path:
    """Return the directory to put in ``DAF_BUTLER_CONFIG_PATH``.

    Notes
    -----
    It tells `lsst.daf.butler` to use our Python types: the packaged storage classes ``ExposureF``,
    ``SkyMap`` and others refer to classes of the C++ stack, which labs do not have.
    """
    return Path(__file__).resolve().parent / "butler_config"
