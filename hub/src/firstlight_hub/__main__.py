"""``python -m firstlight_hub`` runs the hub; ``-f FILE`` with another configuration than ours."""

from firstlight_hub.app import FirstLightHub

if __name__ == "__main__":
    FirstLightHub.launch_instance()
