"""What ``python -m jupyterhub -f`` reads: the composition root of the hub process."""

import os
from pathlib import Path

from traitlets.config import get_config

from firstlight_hub.configure import configure
from firstlight_hub.settings.runtime import load_runtime, load_settings_of, read_secrets

c = get_config()
_state_dir = Path(os.environ["FIRSTLIGHT_STATE_DIR"])
_runtime = load_runtime(_state_dir)
configure(c, load_settings_of(_state_dir), _runtime, read_secrets(_state_dir))

# The escape hatch: whatever stands beside platform.yaml in jupyterhub_config.d/ has the last word.
if _runtime.config is not None:
    for _file in sorted((_runtime.config.parent / "jupyterhub_config.d").glob("*.py")):
        exec(compile(_file.read_text(), str(_file), "exec"), {"c": c, "__file__": str(_file)})  # noqa: S102
