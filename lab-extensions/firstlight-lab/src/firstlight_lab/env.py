"""The environment variables with which a spawner makes a lab calm and at home."""

from __future__ import annotations

from firstlight_lab import config_dir

__all__ = ["lab_environment"]


def lab_environment() -> dict[str, str]:
    """Return variables that a spawner adds to a lab's environment.

    Notes
    -----
    ``JUPYTER_CONFIG_PATH`` only adds a folder to those that Jupyter reads: JupyterLab fetches no
    news, looks for no updates and offers no extensions to install; what people choose in
    JupyterLab's settings still wins. ``ASTROPY_CONFIG_DIR`` keeps astropy from downloading tables
    of the Earth's rotation. ``JUPYTER_PATH`` adds the tutorials to JupyterLab's launcher.
    """
    home = config_dir().parent
    return {
        "ASTROPY_CONFIG_DIR": str(home / "astropy_config"),
        "DAF_BUTLER_CONFIG_PATH": str(config_dir()),
        "JUPYTER_CONFIG_PATH": str(home / "jupyter"),
        "JUPYTER_PATH": str(home / "jupyter" / "share"),
    }
