"""``python -m firstlight_hub`` runs the hub; ``-f FILE`` with another configuration than ours."""

import firstlight_hub.imports  # noqa: F401 (before whatever imports jsonschema)

# isort: split
from firstlight_hub.app import FirstLightHub

if __name__ == "__main__":
    FirstLightHub.launch_instance()
