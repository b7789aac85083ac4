"""What ``python -m jupyterhub -f`` reads: the composition root of the hub process."""

import os
from pathlib import Path

from firstlight_hub.configure import configure
from firstlight_hub.settings import Settings, load_runtime, read_secret
from firstlight_hub.settings.runtime import SECRETS
from firstlight_hub.spawner import probe
from traitlets.config import get_config

c = get_config()
_state = Path(os.environ["FIRSTLIGHT_STATE_DIR"])
_runtime = load_runtime(_state)
_settings = Settings.model_validate_json((_state / "run" / "settings.json").read_text())
configure(c, _settings, _runtime, {name: read_secret(_state, name) for name in SECRETS})
# What this machine enforces is found out here, and shown to administrators.
c.JupyterHub.template_vars["firstlight"]["isolation"] = probe().items

# The escape hatch: what stands beside platform.yaml in jupyterhub_config.d/ has the last word.
if _runtime.config is not None:
    for _file in sorted((_runtime.config.parent / "jupyterhub_config.d").glob("*.py")):
        exec(compile(_file.read_text(), str(_file), "exec"), {"c": c, "__file__": str(_file)})  # noqa: S102
