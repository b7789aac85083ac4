"""``python -m firstlight_hub -f CONFIG`` runs the hub."""

from firstlight_hub.app import FirstLightHub

if __name__ == "__main__":
    FirstLightHub.launch_instance()
