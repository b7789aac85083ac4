"""The environment variables that configure Jupyter, astropy and the Butler in a lab."""

from __future__ import annotations

from firstlight_lab import config_dir

__all__ = ["lab_environment"]


def lab_environment() -> dict[str, str]:
    """Return the variables that a spawner adds to a lab's environment.

    Notes
    -----
    ``JUPYTER_CONFIG_PATH`` adds a folder to those that Jupyter reads. Its settings stop JupyterLab
    from fetching news, checking for updates and offering to install extensions; people's own
    choices in JupyterLab's settings still take precedence. ``ASTROPY_CONFIG_DIR`` stops astropy
    from downloading Earth rotation tables. ``JUPYTER_PATH`` adds the tutorials to JupyterLab's
    launcher.
    """
    home = config_dir().parent
    return {
        "ASTROPY_CONFIG_DIR": str(home / "astropy_config"),
        "DAF_BUTLER_CONFIG_PATH": str(config_dir()),
        "JUPYTER_CONFIG_PATH": str(home / "jupyter"),
        "JUPYTER_PATH": str(home / "jupyter" / "share"),
    }
