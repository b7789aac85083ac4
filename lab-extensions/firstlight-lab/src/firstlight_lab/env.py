"""``python -m firstlight_lab.env``: the environment variables that a lab needs, as JSON."""

from __future__ import annotations

import json
import sys

from firstlight_lab import config_dir, jupyter_path

__all__ = ["lab_environment"]


def lab_environment() -> dict[str, str]:
    """Return variables that a spawner adds to a lab's environment."""
    return {"DAF_BUTLER_CONFIG_PATH": str(config_dir()), "JUPYTER_PATH": str(jupyter_path())}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(lab_environment()) + "\n")
