"""What runs inside a First Light lab: image types, storage classes, settings."""

from __future__ import annotations

from pathlib import Path

__all__ = ["__version__", "config_dir"]

__version__ = "0.1.0"


def config_dir() -> Path:
    """Return the directory that ``DAF_BUTLER_CONFIG_PATH`` has to name.

    Notes
    -----
    It teaches `lsst.daf.butler` our Python types: the packaged storage classes of ``ExposureF``,
    ``SkyMap`` and others name classes of the C++ stack, which labs do not have.
    """
    return Path(__file__).resolve().parent / "butler_config"
