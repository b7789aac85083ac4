"""What ``python -m firstlight_hub -f`` reads: the composition root of the hub process."""

import os
import sys
from pathlib import Path

from jupyterhub.app import JupyterHub
from traitlets.config import Config

from firstlight_common.commands import firstlight
from firstlight_common.runtime import load_runtime
from firstlight_hub.app import FirstLightHub
from firstlight_hub.components.builtin import HUB
from firstlight_hub.configure import configure
from firstlight_hub.logs import keep_secrets_out
from firstlight_hub.settings.extra import run_extra_files
from firstlight_hub.settings.runtime import load_settings_of, read_secrets
from firstlight_hub.spawner import Shortages, SlowStarts, StartQueue, guarantees, inspect, probe

if not isinstance(JupyterHub.instance(), FirstLightHub):
    # Plain JupyterHub would not check people again while they are logged in.
    sys.exit(f"Start the hub with `{firstlight('up')}`.")

# traitlets defines this name in the files that it loads; importing it would give another object.
c: Config = get_config()  # type: ignore[name-defined]  # noqa: F821
_state = Path(os.environ["FIRSTLIGHT_STATE_DIR"])
_runtime = load_runtime(_state)
_settings = load_settings_of(_state)
_names = {*HUB.secret_files, *(service.token_secret for service in _runtime.services())}
configure(c, _settings, _runtime, read_secrets(_state, _names))
keep_secrets_out()

# What this machine can do is found out here, once, and shown to administrators.
c.LabSpawner.machine = probe()
c.LabSpawner.starts = StartQueue.of_machine(_settings.spawner.concurrent_starts)
c.LabSpawner.installation = inspect(_runtime.labs_python, _runtime.state_dir / "run" / "lab-python")
c.JupyterHub.template_vars["firstlight"]["isolation"] = guarantees(
    _settings.spawner.isolation,
    c.LabSpawner.machine,
    user_namespaces=_settings.spawner.user_namespaces,
)

# Administrators see why labs were not forked, and which ran out of memory, also those of an
# earlier hub.
c.LabSpawner.slow_starts = SlowStarts()
c.JupyterHub.template_vars["firstlight"]["slow_start"] = c.LabSpawner.slow_starts.last
c.LabSpawner.shortages = Shortages.load(_state / "hub" / "out-of-memory.json")
c.JupyterHub.template_vars["firstlight"]["shortages"] = c.LabSpawner.shortages.recent

# The escape hatch: files in jupyterhub_config.d/ next to platform.yaml are applied last.
if _runtime.config is not None:
    run_extra_files(_runtime.config.parent, c)
