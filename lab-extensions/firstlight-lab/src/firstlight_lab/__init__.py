"""What runs inside a First Light lab: image types, storage classes, start page."""

from __future__ import annotations

from pathlib import Path

__all__ = ["__version__", "config_dir", "jupyter_path"]

__version__ = "0.1.0"

_HERE = Path(__file__).resolve().parent


def config_dir() -> Path:
    """Return the directory that ``DAF_BUTLER_CONFIG_PATH`` has to name.

    Notes
    -----
    It teaches `lsst.daf.butler` our Python types: the packaged storage classes of ``ExposureF``,
    ``SkyMap`` and others name classes of the C++ stack, which labs do not have.
    """
    return _HERE / "butler_config"


def jupyter_path() -> Path:
    """Return the directory that ``JUPYTER_PATH`` has to name, for the launcher's cards."""
    return _HERE / "jupyter"
